"""A gate's verdicts in words, the same on the terminal, in Markdown and in JUnit XML."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from tlbench.report.table import seconds, share
from tlbench.stats.estimate import POWER
from tlbench.stats.interim_looks import ALARM, LOOKS, MISS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tlbench.gate.verdict import Report, Status, Verdict
    from tlbench.stats.estimate import Estimate

#: What each verdict means, from the least grave to the gravest.
MEANINGS: dict[Status, str] = {
    "pass": "a slowdown as large as the tolerance is excluded; the chance that one passes all the "
    f"same is at most {MISS:.0%}.",
    "inconclusive": "neither a loss nor its absence was shown by as much evidence as there was "
    "time for.",
    "not comparable": "nothing can be said: for instance, the benchmark vanished, fails in the "
    "base, or its accuracy is of other images.",
    "fail": "a slowdown is real and its estimate is beyond the tolerance, or accuracy was lost, or "
    "the benchmark's own check fails in the head. Where nothing changed, the chance that any of "
    f"all benchmarks is called slower is at most {ALARM:.0%}.",
}
#: Confidence below which an interval is said to have less.
USUAL_COVERAGE = 0.95
#: Said in place of a table.
NOTHING = "no benchmark could be measured in both arms"


def printable(text: str) -> str:
    """Control, format and other unprintable characters as escapes: one line, valid in XML."""
    if text.isprintable():
        return text
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def id_parts(name: str) -> tuple[str, tuple[str, ...], str]:
    """File, classes and name of a test's id; the name has its parameters."""
    file, found, rest = name.partition("::")
    if not found:
        return "", (), name
    path, bracket, parameters = rest.partition("[")
    *classes, last = path.split("::")
    return file, tuple(classes), last + bracket + parameters


def short_names(ids: Iterable[str]) -> dict[str, str]:
    """For each test's id as much of its end as no other has: name, class, file, folders."""
    ends = {each: _ends(each) for each in ids}
    uses = Counter(end for found in ends.values() for end in set(found))
    return {
        each: next((printable(end) for end in found if uses[end] == 1), printable(each))
        for each, found in ends.items()
    }


def _ends(name: str) -> tuple[str, ...]:
    file, classes, last = id_parts(name)
    within = "::".join((*classes, last))
    return last, within, f"{file.rpartition('/')[2]}::{within}", name


def change(estimate: Estimate | None) -> str:
    """How much longer or shorter the head takes: ``1.3 % slower``, or a dash."""
    if estimate is None:
        return "-"
    size = _percent(estimate.ratio).lstrip("+-")
    if not size.strip("0."):
        return f"{size} %"
    return f"{size} % {'slower' if estimate.ratio > 1 else 'faster'}"


def interval(estimate: Estimate | None) -> str:
    """The change's interval, slower being positive: ``-0.8 .. +2.1 %``, or a dash."""
    if estimate is None:
        return "-"
    return f"{_percent(estimate.low)} .. {_percent(estimate.high)} %"


def evidence(estimate: Estimate | None) -> str:
    """How many process pairs, or runs of the baseline, there were; or a dash."""
    return "-" if estimate is None else str(estimate.n)


def tolerance(verdict: Verdict) -> str:
    """The tolerance: ``5 %``."""
    return f"{100 * verdict.tolerance:.3g} %"


def accuracy(verdict: Verdict) -> str:
    """Top-1 accuracy of base and head: ``0.8438 -> 0.8431``, or a dash."""
    found = verdict.accuracy
    return "-" if found is None else f"{share(found.base)} -> {share(found.candidate)}"


def word_of(verdict: Verdict) -> str:
    """``PASS``, ``FAIL``, ..., and ``PASS, faster``."""
    return verdict.status.upper() + (", faster" if verdict.faster else "")


def numbers(verdict: Verdict) -> str:
    """All figures of a verdict in a line."""
    found, parts = verdict.estimate, []
    if found is not None:
        parts = [f"{change(found)} ({interval(found)})", f"n {found.n}"]
    parts.append(f"tolerance {tolerance(verdict)}")
    if verdict.accuracy is not None:
        parts.append(accuracy_change(verdict))
    return ", ".join(parts)


def paragraph(verdict: Verdict) -> str:
    """A verdict in a line, for the report of the test that it turned red."""
    (name,) = short_names([verdict.name]).values()
    found = verdict.estimate
    sure = f", p = {found.p:.2g}" if found is not None and found.p is not None else ""
    return f"{name}: {verdict.status}: {printable(verdict.reason)} ({numbers(verdict)}{sure})"


def accuracy_change(verdict: Verdict) -> str:
    """Both accuracies; if known, on how many images, and how many of these were lost and won."""
    found = verdict.accuracy
    if found is None:
        return "no accuracy"
    if not found.images:
        return f"top-1 {accuracy(verdict)}"
    images = f"{found.images:,} images, {found.lost:,} lost, {found.won:,} won"
    return f"top-1 {accuracy(verdict)} ({images})"


def explanation(verdict: Verdict) -> str:
    """Why, and for an inconclusive verdict what was detectable and what it would take."""
    parts, found = [printable(verdict.reason)], verdict.estimate
    if verdict.detectable is not None and math.isfinite(verdict.detectable):
        least = _percent(1 + verdict.detectable).lstrip("+")
        power = f"(power {POWER:.0%})".replace("%", " %")
        parts.append(f"a slowdown of {least} % or more would have been detected {power}")
    if verdict.more is not None:
        parts.append(_more(verdict.more, found.n if found else 0))
    if found is not None and found.coverage < USUAL_COVERAGE:
        parts.append(f"interval has only {100 * found.coverage:.0f} % confidence")
    return "; ".join(parts)


def counts(report: Report) -> str:
    """How many benchmarks have which verdict, the gravest first; empty where there are none."""
    found = Counter(each.status for each in report.verdicts)
    return ", ".join(f"{found[word]} {word}" for word in reversed(MEANINGS) if found[word])


def took(report: Report) -> str:
    """How long the gate took, or nothing where that isn't known."""
    return f"took {seconds(report.seconds)}" if math.isfinite(report.seconds) else ""


def _more(more: int, n: int) -> str:
    text = f"about {more:,} more pair{'s' * (more != 1)} would let it pass if nothing changed"
    most = LOOKS[-1].pairs
    if n + more > most:
        return f"{text}, but a gate ends after {most}: take a quieter machine or more tolerance"
    return f"{text}: raise the budget"


def _percent(ratio: float) -> str:
    """A ratio's difference from 1 in percent, with its sign and a bounded width."""
    percent = 100 * (ratio - 1)
    if abs(percent) < 99.95:
        text = f"{percent:+.1f}"
        return "0.0" if text in {"+0.0", "-0.0"} else text
    return f"{percent:+.0f}" if abs(percent) < 99_999 else f"{percent:+.1e}"
