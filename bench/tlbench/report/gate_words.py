"""A gate's verdicts in words, the same on the terminal, in Markdown and in JUnit XML."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from tlbench.report.table import seconds, share
from tlbench.report.text import printable
from tlbench.stats.estimate import ALARM, LOOKS, MISS, POWER

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tlbench.gate.verdict import Report, Status, Verdict
    from tlbench.stats.estimate import Estimate

#: What each verdict means, from the least to the most severe.
MEANINGS: dict[Status, str] = {
    "pass": "a slowdown as large as the tolerance is ruled out; the chance that such a slowdown "
    f"passes is at most {100 * MISS:.0f} %.",
    "inconclusive": "a slowdown, or a loss of accuracy, could be neither confirmed nor ruled out "
    "in the time that there was.",
    "not comparable": "nothing can be said: for instance, the benchmark vanished, fails in the "
    "base, or its accuracy is of other images.",
    "fail": "a slowdown is confirmed and its estimate is beyond the tolerance, or accuracy was "
    "lost, or the benchmark's own check fails in the candidate. If nothing changed, the chance "
    f"that any benchmark is called slower is at most {100 * ALARM:.0f} %.",
}
#: How to read the table.
COLUMNS = (
    "The change is how much longer the candidate takes than the base; a positive end of its "
    "interval is slower. n counts independent pieces of evidence: process pairs, or the "
    "baseline's runs. The gate's verdict is the most severe of its benchmarks'."
)
#: Confidence below which an interval is said to have less.
USUAL_COVERAGE = 0.95
#: Said in place of a table.
NOTHING = "no benchmark could be measured in both arms"
#: What to do then.
EXPECTED = (
    "expected tests that use the benchmark fixture, in files that pytest collects; name the files "
    "after --"
)


def id_parts(name: str) -> tuple[str, tuple[str, ...], str]:
    """File, classes and name of a test's id; the name has its parameters."""
    file, colons, rest = name.partition("::")
    if not colons:
        return "", (), name
    path, bracket, parameters = rest.partition("[")
    *classes, last = path.split("::")
    return file, tuple(classes), last + bracket + parameters


def short_names(ids: Iterable[str]) -> dict[str, str]:
    """For each test's id as much of its end as no other has: name, class, file, folders."""
    ends = {each: _ends(each) for each in ids}
    uses = Counter(end for name_ends in ends.values() for end in set(name_ends))
    return {
        name: next((printable(end) for end in name_ends if uses[end] == 1), printable(name))
        for name, name_ends in ends.items()
    }


def _ends(name: str) -> tuple[str, ...]:
    file, classes, last = id_parts(name)
    within = "::".join((*classes, last))
    return last, within, f"{file.rpartition('/')[2]}::{within}", name


def figures(verdict: Verdict) -> tuple[str, str, str, str]:
    """Change, interval, n and tolerance, such as ``1.3 % slower``, ``-0.8 .. +2.1 %``, 8, 5 %.

    Dashes stand for what isn't known.
    """
    estimate, tolerance = verdict.estimate, f"{100 * verdict.tolerance:.3g} %"
    if estimate is None:
        return "-", "-", "-", tolerance
    interval = f"{_percent(estimate.low)} .. {_percent(estimate.high)} %"
    return change(estimate), interval, str(estimate.n), tolerance


def change(estimate: Estimate) -> str:
    """How much longer or shorter the candidate takes: ``1.3 % slower``."""
    size = _percent(estimate.ratio).lstrip("+-")
    if not size.strip("0."):
        return f"{size} %"
    return f"{size} % {'slower' if estimate.ratio > 1 else 'faster'}"


def status_text(verdict: Verdict) -> str:
    """``PASS``, ``FAIL``, ..., and ``PASS, faster``."""
    return verdict.status.upper() + (", faster" if verdict.faster else "")


def numbers(verdict: Verdict) -> str:
    """All figures of a verdict in a line."""
    size, interval, n, tolerance = figures(verdict)
    parts = [f"{size} ({interval})", f"n {n}"] if verdict.estimate else []
    return ", ".join(filter(None, [*parts, f"tolerance {tolerance}", accuracy_change(verdict)]))


def paragraph(verdict: Verdict) -> str:
    """A verdict in a line, for the report of the test that it turned red."""
    (name,) = short_names([verdict.name]).values()
    estimate = verdict.estimate
    p = "" if estimate is None or estimate.p is None else f", p = {estimate.p:.2g}"
    return f"{name}: {verdict.status}: {printable(verdict.reason)} ({numbers(verdict)}{p})"


def accuracies(verdict: Verdict) -> str:
    """Top-1 accuracy of base and candidate: ``0.8438 -> 0.8431``, or a dash."""
    change = verdict.accuracy
    return "-" if change is None else f"{share(change.base)} -> {share(change.candidate)}"


def accuracy_change(verdict: Verdict) -> str:
    """Both accuracies, and on how many images if known; empty where there are none."""
    change = verdict.accuracy
    if change is None:
        return ""
    images = f" ({change.images:,} images, {change.lost:,} lost, {change.won:,} won)"
    return f"top-1 {accuracies(verdict)}" + images * bool(change.images)


def explanation(verdict: Verdict) -> str:
    """Why, and for an inconclusive verdict what was detectable and what it would take."""
    parts, estimate = [printable(verdict.reason)], verdict.estimate
    if verdict.detectable is not None and math.isfinite(verdict.detectable):
        least = _percent(1 + verdict.detectable).lstrip("+")
        power = f"(power {100 * POWER:.0f} %)"
        parts.append(f"a slowdown of {least} % or more would have been detected {power}")
    if verdict.more is not None:
        parts.append(_more(verdict.more, estimate.n if estimate else 0))
    if estimate is not None and estimate.coverage < USUAL_COVERAGE:
        parts.append(f"interval has only {100 * estimate.coverage:.0f} % confidence")
    return "; ".join(parts)


def explanations(report: Report) -> dict[str, str]:
    """By id, of the benchmarks that don't just pass."""
    return {
        each.name: explanation(each)
        for each in report.verdicts
        if each.status != "pass" or each.faster
    }


def counts(report: Report) -> str:
    """How many benchmarks have which verdict, the most severe first; empty where there are none."""
    count = Counter(each.status for each in report.verdicts)
    return ", ".join(f"{count[status]} {status}" for status in reversed(MEANINGS) if count[status])


def duration(report: Report) -> str:
    """How long the gate took, or nothing where that isn't known."""
    return f"took {seconds(report.seconds)}" if math.isfinite(report.seconds) else ""


def _more(more: int, n: int) -> str:
    text = f"unchanged code would pass with about {more:,} more pair{'s' * (more != 1)}"
    most = LOOKS[-1].pairs
    if n + more > most:
        return f"{text}, but a gate ends after {most}: use a quieter machine or more tolerance"
    return f"{text}: increase the budget"


def _percent(ratio: float) -> str:
    """A ratio's difference from 1 in percent, with its sign and a bounded width."""
    percent = 100 * (ratio - 1)
    if abs(percent) < 99.95:
        text = f"{percent:+.1f}"
        return "0.0" if text in {"+0.0", "-0.0"} else text
    return f"{percent:+.0f}" if abs(percent) < 99_999 else f"{percent:+.1e}"
