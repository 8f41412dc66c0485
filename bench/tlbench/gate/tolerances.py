"""What may be lost: by default, by option for some benchmarks, by a benchmark's own marker."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from tlbench.errors import OptionError
from tlbench.gate.verdict import ACCURACY_TOLERANCE, TOLERANCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tlbench.gate.pair_result import Pair


@dataclass(frozen=True)
class Allowed:
    """What one benchmark may lose: 0.05 is 5 % more seconds, or 5 points of accuracy of 100."""

    share: float = TOLERANCE
    accuracy: float = ACCURACY_TOLERANCE


@dataclass(frozen=True)
class Tolerances:
    """What benchmarks may lose where nothing else says so, as in ``Allowed``.

    Attributes:
        named: Pairs of a benchmark's name, or a pattern with ``*``, and its share; the last one
            that matches counts, before any marker.
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
            # A bracket belongs to a test's parameters; only * and ? stand for anything else.
            literal = pattern.replace("[", "[[]")
            if fnmatchcase(name, literal) or fnmatchcase(name.rpartition("::")[2], literal):
                share = named_share
        return Allowed(share, shares.get("accuracy", self.accuracy))

    def shares(self, pilot: Pair) -> dict[str, float]:
        """For all benchmarks of a pair that can be judged."""
        return {
            name: self.of(name, pilot.tolerances.get(name)).share
            for name, each in pilot.benchmarks.items()
            if each.usable
        }


def parse_share(value: object) -> float:
    """A share from 0 to 1, written as ``5%`` or ``0.05``, or a number such as 0.05.

    Raises:
        OptionError: Anything else; a bare 5 could be either.
    """
    text = str(value).strip()
    percent = text.endswith("%")
    try:
        share = float(text.removesuffix("%")) / (100 if percent else 1)
    except ValueError:
        share = math.nan
    # 1 without a sign could be meant as one percent.
    if isinstance(value, bool) or not 0 <= share <= 1 or (share == 1 and not percent):
        raise OptionError(f"{value}: expected a share such as 5% or 0.05")
    return share


def parse_tolerances(texts: Iterable[str], accuracy: str | None) -> Tolerances:
    """From options: ``5%`` for all, ``test_sort=10%`` for some.

    Raises:
        OptionError: No share.
    """
    share, named = TOLERANCE, []
    for text in texts:
        name, equals, value = text.rpartition("=")
        if equals:
            named.append((name, parse_share(value)))
        else:
            share = parse_share(text)
    loss = ACCURACY_TOLERANCE if accuracy is None else parse_share(accuracy)
    return Tolerances(share, loss, tuple(named))


def _marker_shares(name: str, marker: Mapping[str, Any]) -> dict[str, float]:
    args, kwargs = marker["args"], marker["kwargs"]
    values = {**dict(zip(("share",), args, strict=False)), **kwargs}
    try:
        if len(args) > 1 or set(values) - {"share", "accuracy"}:
            raise OptionError("expected tolerance(SHARE), tolerance(accuracy=SHARE) or both")
        return {key: parse_share(value) for key, value in values.items()}
    except OptionError as error:
        raise OptionError(f"{name}: marker tolerance: {error}") from error
