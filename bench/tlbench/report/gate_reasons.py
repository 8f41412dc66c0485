"""The lines below a gate's table: reasons, what would decide it, and notes."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from tlbench.gate.advice import advice_on
from tlbench.gate.names import short_names
from tlbench.gate.ratio_text import slowdown_text
from tlbench.report.gate_order import by_gravity
from tlbench.report.gate_words import USUAL_COVERAGE
from tlbench.stats.estimate import LOOKS, POWER

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tlbench.gate.advice import Advice
    from tlbench.gate.verdict import Report, Verdict

#: Most benchmarks that are named per reason, and most reasons per verdict.
MOST = 10
#: How a slowdown's reason begins.
_SIZE = re.compile(r"^(slower by \S+ %|\S+x slower)(?=[,;])")


def report_names(report: Report) -> dict[str, str]:
    """Short names of a report's benchmarks, including those in notes."""
    noted = (name for name, text in map(_note_parts, report.notes) if text)
    return short_names(dict.fromkeys([*(each.name for each in report.verdicts), *noted]))


def reason_lines(
    report: Report,
    names: Mapping[str, str],
    as_text: Callable[[str], str] = str,
    *,
    everything: bool = False,
) -> list[str]:
    """Why benchmarks don't pass, most severe first, and what would decide inconclusive ones.

    Benchmarks with the same reason share a line.

    Args:
        report: A gate's report.
        names: Names of benchmarks as they are written, by id.
        as_text: Makes the written form of any other text.
        everything: Show all reasons and name all benchmarks, however many.
    """
    most = len(report.verdicts) if everything else MOST
    by_status: dict[str, dict[str, list[Verdict]]] = {}
    for each in by_gravity(report.verdicts):
        if each.status != "pass":
            same = by_status.setdefault(each.status, {})
            same.setdefault(_kind(each), []).append(each)
    lines = []
    for status, same in by_status.items():
        texts = [_reason_line(kind, each, names, as_text, most) for kind, each in same.items()]
        # A line in place of one reason would save nothing.
        if len(texts) > most + 1:
            texts[most:] = [f"and {sum(map(len, list(same.values())[most:]))} more {status}"]
        lines += texts
    return lines + [as_text(text) for text in _advice(advice_on(report))]


def note_lines(
    report: Report,
    names: Mapping[str, str],
    as_text: Callable[[str], str] = str,
    *,
    everything: bool = False,
) -> list[str]:
    """A report's notes; benchmarks with the same note share a line. Arguments as above."""
    kinds: dict[str, list[str]] = {}
    for note in report.notes:
        kinds.setdefault(_note_parts(note)[1] or note, []).append(note)
    lines, most = [], len(report.notes) if everything else MOST
    for text, same in kinds.items():
        if len(set(same)) > 1:
            about = [names[_note_parts(note)[0]] for note in same]
            lines.append(_line(about, as_text(text), most))
        else:
            lines.append(as_text(same[0]))
    return lines


def _note_parts(note: str) -> tuple[str, str]:
    """The subject of a note, such as a benchmark, and its text; empty if it has no subject."""
    name, _, text = note.partition(": ")
    return name, text


def _reason_line(
    kind: str,
    verdicts: Sequence[Verdict],
    names: Mapping[str, str],
    as_text: Callable[[str], str],
    most: int,
) -> str:
    first = verdicts[0]
    reason = kind if len(verdicts) > 1 else first.reason
    # The table has the names and figures of benchmarks that were timed.
    named = 0 if first.status == "inconclusive" or kind != first.reason else most
    return _line([names[each.name] for each in verdicts], as_text(reason), named)


def _kind(verdict: Verdict) -> str:
    """The reason, without the size of a slowdown."""
    return _SIZE.sub("slower", verdict.reason)


def _line(names: list[str], text: str, most: int) -> str:
    """A text about one benchmark, or about several, with at most ``most`` of their names."""
    if len(names) == 1:
        return f"{names[0]}: {text}"
    rest = ", …" if len(names) > most else ""
    return f"{len(names)} benchmarks: {text}" + f" ({', '.join(names[:most])}{rest})" * bool(most)


def _advice(advice: Advice) -> list[str]:
    """The advice in one paragraph, or none."""
    sentences = []
    if advice.detectable:
        ends = dict.fromkeys(map(slowdown_text, advice.detectable))
        power = f"(power {100 * POWER:.0f} %)"
        sentences.append(
            f"the smallest slowdown that would have been detected {power} is {' to '.join(ends)}"
        )
    if advice.confidence < USUAL_COVERAGE:
        sentences.append(f"intervals have only {100 * advice.confidence:.0f} % confidence")
    if advice.by_budget and math.isfinite(advice.budget_s):
        sentences.append(
            f"more time would decide {_benchmarks(advice.by_budget)}, if nothing changed: use "
            f"--budget={_rounded_up(advice.budget_s)}"
        )
    if advice.by_tolerance:
        percent = math.ceil(100 * advice.tolerance)
        tolerance = f" or --tolerance={percent}%" if percent <= 100 else ""
        sentences.append(
            f"{_benchmarks(advice.by_tolerance)} would take more than the {LOOKS[-1].pairs} pairs "
            f"that a gate has: use a quieter machine{tolerance}"
        )
    return [f"inconclusive: {'; '.join(sentences)}"] if sentences else []


def _benchmarks(count: int) -> str:
    return f"{count} benchmark{'s' * (count != 1)}"


def _rounded_up(seconds: float) -> int:
    """Rounded up to two digits."""
    unit: int = 10 ** max(0, math.floor(math.log10(max(seconds, 1))) - 1)
    return math.ceil(seconds / unit) * unit
