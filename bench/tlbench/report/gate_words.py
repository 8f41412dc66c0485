"""A gate's verdicts in words, the same on the terminal, in Markdown and in JUnit XML."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from tlbench.gate.names import short_names
from tlbench.gate.ratio_text import change_text, interval_text, slowdown_text
from tlbench.report.gate_evidence import instructions_text
from tlbench.report.table import seconds, share
from tlbench.stats.estimate import ALARM, LOOKS, MISS, POWER

if TYPE_CHECKING:
    from tlbench.gate.verdict import Report, Status, Verdict

#: What each verdict means, from the least to the most severe.
MEANINGS: dict[Status, str] = {
    "pass": "a slowdown as large as the tolerance is ruled out; the chance that such a slowdown "
    f"passes is at most {100 * MISS:.0f} %.",
    "inconclusive": "a slowdown, or a loss of accuracy, could be neither confirmed nor ruled out "
    "in the available time.",
    "not comparable": "the benchmark can't be judged: for instance, the candidate lacks it, it is "
    "broken in the base, or its accuracy is of other images.",
    "fail": "a slowdown is significant, and its estimate is larger than the tolerance, or, when "
    "the gate ends, a slowdown as large as the tolerance is still possible; or accuracy was lost; "
    "or the benchmark is broken in the candidate only: it raises, its process dies, or it doesn't "
    "end. If nothing changed, the chance that any benchmark is called slower is at most "
    f"{100 * ALARM:.0f} %.",
}
#: How to read the table.
COLUMNS = (
    "The change is how much longer the candidate takes than the base, in percent, or as a factor "
    "(3.2x) beyond a factor of two. In its interval, + is slower. n is the number of process "
    "pairs, or of the baseline's runs. Instructions are per call, counted by valgrind; they never "
    "change a verdict. The gate's verdict is the most severe one of its benchmarks."
)
#: An interval with less confidence than this is reported.
USUAL_COVERAGE = 0.95
#: In place of a table without benchmarks.
NOTHING = "no benchmark could be measured in both sides"
#: In place of a table if this is the reason.
ALL_NEW = "all benchmarks are new: the base has none of them"


def figures(verdict: Verdict) -> tuple[str, str, str, str]:
    """Change, interval, n and tolerance, such as ``1.3 % slower``, ``-0.8 .. +2.1 %``, 8, 5 %.

    A dash stands for an unknown value.
    """
    estimate, tolerance = verdict.estimate, f"{100 * verdict.tolerance:.3g} %"
    if estimate is None:
        return "-", "-", "-", tolerance
    interval = interval_text(estimate.ratio, estimate.low, estimate.high)
    return change_text(estimate.ratio), interval, str(estimate.n), tolerance


def status_text(verdict: Verdict) -> str:
    """``PASS``, ``FAIL``, ..., and ``PASS, faster``."""
    return verdict.status.upper() + (", faster" if verdict.faster else "")


def numbers(verdict: Verdict) -> str:
    """All figures of a verdict in a line."""
    size, interval, n, tolerance = figures(verdict)
    parts = [f"{size} ({interval})", f"n {n}"] if verdict.estimate else []
    parts += [f"tolerance {tolerance}", accuracy_change(verdict)]
    if verdict.instructions:
        parts.append(f"instructions {instructions_text(verdict)}")
    return ", ".join(filter(None, parts))


def paragraph(verdict: Verdict) -> str:
    """A verdict in a line, for the report of the test that fails by it."""
    (name,) = short_names([verdict.name]).values()
    estimate = verdict.estimate
    p = "" if estimate is None or estimate.p is None else f", p = {estimate.p:.2g}"
    return f"{name}: {verdict.status}: {verdict.reason} ({numbers(verdict)}{p})"


def accuracies(verdict: Verdict) -> str:
    """Top-1 accuracy of base and candidate: ``0.8438 -> 0.8431``, or a dash."""
    change = verdict.accuracy
    return "-" if change is None else f"{share(change.base)} -> {share(change.candidate)}"


def accuracy_change(verdict: Verdict) -> str:
    """Both accuracies, and the number of images if known; empty if there are no accuracies."""
    change = verdict.accuracy
    if change is None:
        return ""
    images = f" ({change.images:,} images, {change.lost:,} lost, {change.won:,} won)"
    return f"top-1 {accuracies(verdict)}" + images * bool(change.images)


def explanation(verdict: Verdict) -> str:
    """The reason; if inconclusive, also what was detectable, and what would decide it."""
    parts, estimate = [verdict.reason], verdict.estimate
    if verdict.detectable is not None and math.isfinite(verdict.detectable):
        least = slowdown_text(verdict.detectable)
        power = f"(power {100 * POWER:.0f} %)"
        parts.append(f"a slowdown of {least} or more would have been detected {power}")
    if verdict.more is not None:
        parts.append(_more(verdict.more, estimate.n if estimate else 0))
    if estimate is not None and estimate.coverage < USUAL_COVERAGE:
        parts.append(f"interval has only {100 * estimate.coverage:.0f} % confidence")
    return "; ".join(parts)


def counts(report: Report) -> str:
    """The number of benchmarks per verdict, the most severe first; empty without benchmarks."""
    count = Counter(each.status for each in report.verdicts)
    return ", ".join(f"{count[status]} {status}" for status in reversed(MEANINGS) if count[status])


def duration(report: Report) -> str:
    """How long the gate took; empty if unknown."""
    return f"took {seconds(report.seconds)}" if math.isfinite(report.seconds) else ""


def _more(more: int, n: int) -> str:
    most = LOOKS[-1].pairs
    if n + more > most:
        return f"a pass would take more than the {most} pairs that a gate has"
    return f"unchanged code would pass with about {more:,} more pair{'s' * (more != 1)}"
