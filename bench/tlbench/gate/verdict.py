"""Tolerances, and the verdicts of a gate: one for each benchmark, and one for all."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Literal

from tlbench.errors import OptionError
from tlbench.gate.ratio_text import FACTOR, change_text
from tlbench.numbers import quoted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from tlbench.gate.pair_result import Pair
    from tlbench.gate.profile_growth import ProfileChange
    from tlbench.stats.estimate import Estimate
    from tlbench.stats.proportions import AccuracyChange

Status = Literal["pass", "fail", "inconclusive", "not comparable"]
#: Exit codes of ``tlbench`` by status, from the least to the most severe; the most severe counts.
EXIT_CODES: dict[Status, int] = {"pass": 0, "inconclusive": 3, "not comparable": 4, "fail": 1}
#: A slowdown beyond this share fails, unless a marker or an option sets another.
TOLERANCE = 0.05
#: No smaller slowdown can be ruled out: machines aren't so steady.
LEAST_TOLERANCE = 0.0001
#: A loss of top-1 accuracy beyond this share fails, unless a marker or an option sets another.
ACCURACY_TOLERANCE = 0.01


@dataclass(frozen=True)
class Instructions:
    """Instructions of a call in both arms."""

    base: float
    candidate: float

    @property
    def ratio(self) -> float:
        """Of the candidate to the base."""
        return self.candidate / self.base


@dataclass(frozen=True)
class Verdict:
    """The verdict on one benchmark.

    Attributes:
        status: ``pass``: a slowdown as large as the tolerance is ruled out; ``fail``: a slowdown is
            significant, and is beyond the tolerance or may be; or accuracy was lost, or the
            candidate raises, dies or doesn't end; ``inconclusive``: neither could be confirmed;
            ``not comparable``: the benchmark can't be judged, for instance because it vanished.
        estimate: None if nothing could be timed.
        detectable: The smallest slowdown, as a share, that would have been detected (power 90 %);
            for an inconclusive verdict.
        more: How many more process pairs would probably decide it; for an inconclusive verdict.
        faster: Whether the candidate is faster by more than the tolerance, at the level at which a
            slowdown fails.
        accuracy_lost: Whether it fails by its accuracy, whatever its speed.
        profile: The functions that became slower, if it fails by its speed.
        instructions: None if they weren't counted.
    """

    name: str
    status: Status
    reason: str
    tolerance: float = TOLERANCE
    estimate: Estimate | None = None
    accuracy: AccuracyChange | None = None
    detectable: float | None = None
    more: int | None = None
    faster: bool = False
    accuracy_lost: bool = False
    profile: ProfileChange | None = None
    instructions: Instructions | None = None


@dataclass(frozen=True)
class Report:
    """All verdicts of a gate, in the order of benchmarks.

    Attributes:
        base, candidate: Names of the sides, as the user wrote them.
        notes: Other lines for the user, such as new benchmarks.
        all_new: Whether only the candidate has benchmarks; then there are no verdicts.
        loaded: The packages that each side imported: by side, ``base`` and ``head``, and by
            package its ``file``, ``version`` and ``compiled`` modules.
    """

    base: str
    candidate: str
    verdicts: tuple[Verdict, ...]
    seconds: float = math.nan
    notes: tuple[str, ...] = ()
    all_new: bool = False
    loaded: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    @property
    def status(self) -> Status:
        """The most severe status of a verdict; without verdicts, a pass only if all are new."""
        nothing: Status = "pass" if self.all_new else "not comparable"
        statuses = {each.status for each in self.verdicts} or {nothing}
        return next(each for each in reversed(EXIT_CODES) if each in statuses)

    @property
    def exit_code(self) -> int:
        """The exit code of ``tlbench gate``."""
        return EXIT_CODES[self.status]


def percent(share: float) -> str:
    """A share in percent, such as ``5 %``, ``2.5 %`` or ``12,345 %``."""
    return f"{100 * share:.3g} %" if share < 9.995 else f"{100 * share:,.0f} %"


def slower(share: float, tolerance: float) -> str:
    """Why a slowdown fails."""
    ratio = 1 + share
    size = change_text(ratio) if ratio > FACTOR else f"slower by {percent(share)}"
    if share > tolerance:
        return f"{size}, beyond the tolerance of {percent(tolerance)}"
    return f"{size}; a slowdown of {percent(tolerance)} is not ruled out"


def ruled_out(tolerance: float) -> str:
    """Why an unchanged speed passes."""
    return f"a slowdown of {percent(tolerance)} or more is ruled out"


def undecided(tolerance: float) -> str:
    """Why a speed is inconclusive."""
    return f"a {percent(tolerance)} slowdown could be neither confirmed nor ruled out"


def with_accuracy(
    verdict: Verdict, change: AccuracyChange | None, tolerance: float, alpha: float
) -> Verdict:
    """A verdict on speed, made more severe if accuracy was lost, or may have been lost.

    A loss of more than ``tolerance``, a share, fails if its p is at most ``alpha``.
    """
    verdict = replace(verdict, accuracy=change)
    if change is None or not change.exceeds(tolerance):
        return verdict
    loss = f"accuracy fell from {change.base:.4f} to {change.candidate:.4f}"
    if change.images:
        loss += f" on the same {change.images:,} images (p = {change.p:.2g})"
    if change.is_loss(tolerance, alpha):
        reason = f"{loss}; {verdict.reason}" if verdict.status == "fail" else loss
        return replace(
            verdict, status="fail", reason=reason, detectable=None, more=None, accuracy_lost=True
        )
    if verdict.status == "pass":
        reason = f"{loss}, which may be chance; {verdict.reason}"
        return replace(verdict, status="inconclusive", reason=reason)
    return verdict


@dataclass(frozen=True)
class Allowed:
    """The tolerances of one benchmark: 0.05 is 5 % more seconds, or 5 percentage points."""

    share: float = TOLERANCE
    accuracy: float = ACCURACY_TOLERANCE


@dataclass(frozen=True)
class Tolerances:
    """The tolerances of a gate.

    Attributes:
        share, accuracy: For benchmarks without a value of their own, as in ``Allowed``.
        named: Pairs of a benchmark's name, or a pattern with ``*``, and its share. The last match
            counts, and overrides a marker.
    """

    share: float = TOLERANCE
    accuracy: float = ACCURACY_TOLERANCE
    named: tuple[tuple[str, float], ...] = ()

    def of(self, name: str, marker: Mapping[str, Any] | None) -> Allowed:
        """For a benchmark, with the ``args`` and ``kwargs`` of its marker ``tolerance``.

        Raises:
            OptionError: The marker isn't ``tolerance(share, accuracy=share)``.
        """
        shares = _marker_shares(name, marker) if marker else {}
        share = shares.get("share", self.share)
        for pattern, named_share in self.named:
            if _matches(name, pattern):
                share = named_share
        return Allowed(share, shares.get("accuracy", self.accuracy))

    def unmatched(self, names: Collection[str]) -> list[str]:
        """Names and patterns that match none of these benchmarks."""
        patterns = dict.fromkeys(pattern for pattern, _ in self.named)
        return [each for each in patterns if not any(_matches(name, each) for name in names)]

    def shares(self, pilot: Pair) -> dict[str, float]:
        """For all benchmarks of a pair that can be judged."""
        return {
            name: self.of(name, pilot.tolerances.get(name)).share
            for name, each in pilot.benchmarks.items()
            if each.usable
        }


def _matches(name: str, pattern: str) -> bool:
    # A bracket belongs to a test's parameters; only * and ? are wildcards.
    literal = pattern.replace("[", "[[]")
    return fnmatchcase(name, literal) or fnmatchcase(name.rpartition("::")[2], literal)


def parse_share(value: object, least: float = 0.0) -> float:
    """A share from ``least`` to 1, written as ``5%`` or ``0.05``, or a number such as 0.05.

    Raises:
        OptionError: Anything else, such as 5, which could mean 5 % or 500 %.
    """
    text = str(value).strip()
    in_percent = text.endswith("%")
    try:
        share = float(text.removesuffix("%")) / (100 if in_percent else 1)
    except ValueError:
        share = math.nan
    # 1 without a percent sign may be meant as 1 %.
    if isinstance(value, bool) or not least <= share <= 1 or (share == 1 and not in_percent):
        bounds = f", from {percent(least)} to 100 %" if least else ""
        raise OptionError(f"{quoted(value)}: expected a share such as 5% or 0.05{bounds}")
    return share


def parse_tolerances(texts: Iterable[str], accuracy: str | None) -> Tolerances:
    """From options: ``5%`` for all, ``test_sort=10%`` for some.

    Raises:
        OptionError: A value isn't a share.
    """
    share, named = TOLERANCE, []
    for text in texts:
        name, equals, value = text.rpartition("=")
        if equals:
            named.append((name, parse_share(value, LEAST_TOLERANCE)))
        else:
            share = parse_share(text, LEAST_TOLERANCE)
    loss = ACCURACY_TOLERANCE if accuracy is None else parse_share(accuracy)
    return Tolerances(share, loss, tuple(named))


def _marker_shares(name: str, marker: Mapping[str, Any]) -> dict[str, float]:
    args, kwargs = marker["args"], marker["kwargs"]
    values = {**dict(zip(("share",), args, strict=False)), **kwargs}
    try:
        if len(args) > 1 or set(values) - {"share", "accuracy"}:
            raise OptionError("expected tolerance(SHARE), tolerance(accuracy=SHARE) or both")
        least = {"share": LEAST_TOLERANCE, "accuracy": 0.0}
        return {key: parse_share(value, least[key]) for key, value in values.items()}
    except OptionError as error:
        raise OptionError(f"{name}: marker tolerance: {error}") from error
