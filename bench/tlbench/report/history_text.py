"""Histories for the terminal and as JSON."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from tlbench.compare.entries import SETUP
from tlbench.report.table import indented, lines_of, per_second, wrapped
from tlbench.report.text import printable
from tlbench.stats.change_points import ALARM, LEAST_RUNS, MOST_RUNS
from tlbench.stats.ratios import CONFIDENCE, geometric_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tlbench.compare.history import History, Series, Shift

HEADINGS = ("benchmark", "runs", "first", "last", "images/s", "", "changes")
RIGHT = (1, 4)
#: From the lowest to the highest, and how many of them stand beside each other at most.
BLOCKS, SPARKS = "▁▂▃▄▅▆▇█", 14
#: Facts of software that are named behind a change; JSON has all.
FACTS = 4
#: Said below every history.
LEGEND = (
    f"Changes: with the {100 * CONFIDENCE:.0f} % interval, and the commits of the last run before "
    f"and the first run after. At most {100 * ALARM:.0f} in 100 histories without a change show "
    "any, as long as runs scatter independently of each other."
)
TOO_FEW = (
    f"too few: of fewer than {LEAST_RUNS} runs none is judged; a change would not be told from "
    "chance."
)


def as_lines(found: Sequence[History]) -> list[str]:
    """Lines of at most 80 characters: each entry's table, its changes, then what they mean.

    Entries of a single run are only named: one run is no history.
    """
    lines: list[str] = []
    several = [each for each in found if len(each.entry.runs) > 1]
    for each in several:
        lines += [
            *wrapped(printable(str(each.entry.job))),
            *wrapped(printable(each.entry.label)),
            "",
            *lines_of(HEADINGS, [_cells(series) for series in each.series], right=RIGHT),
            "",
        ]
        for line in notes(each):
            lines += wrapped(line)
        lines += [""] * (lines[-1] != "")
    lines += [line for text in legends(several) for line in wrapped(text)]
    single = [each.entry for each in found if len(each.entry.runs) == 1]
    if single:
        lines += [""] * bool(lines) + ["one run so far, which is no history:"]
        for entry in single:
            lines += indented(printable(f"{entry.label}; {entry.job}"))
    return lines


def legends(found: Sequence[History]) -> Iterator[str]:
    """What "too few" and changes mean, where there are any to be seen."""
    judged = [bool(series.judged) for each in found for series in each.series]
    if not all(judged):
        yield TOO_FEW
    if any(judged):
        yield LEGEND


def notes(found: History) -> Iterator[str]:
    """A line a change, and a line a benchmark of which only the latest runs were judged."""
    for series in found.series:
        for shift in series.shifts:
            yield f"{printable(series.benchmark)}: {shift_text(shift)}"
    for series in found.series:
        if 0 < series.judged < len(series.points):
            yield (
                f"{printable(series.benchmark)}: only the latest {MOST_RUNS:,} of "
                f"{len(series.points):,} runs are judged"
            )


def shift_text(shift: Shift) -> str:
    """Such as ``-5.2 % (-6.1 to -4.3 %) from 2026-11-12 on, commits a1b2c3..0a1b2c``."""
    found = shift.change.ratio
    ends = " to ".join(f"{100 * (end - 1):+.1f}" for end in (found.low, found.high))
    told = f"{100 * (found.value - 1):+.1f} % ({ends} %) from {shift.after.when:%Y-%m-%d} on"
    return f"{told}, {commits_text(shift)}{_software(shift)}"


def commits_text(shift: Shift) -> str:
    """The commits of the runs around it, and whether they are one."""
    if shift.same_commit:
        return f"the same commit, {printable(shift.after.commit or '')}"
    return f"commits {printable(shift.commit_range)}"


def _software(shift: Shift) -> str:
    facts = [printable(str(fact)) for fact in shift.software]
    more = [f"and {len(facts) - FACTS} more"] if len(facts) > FACTS else []
    return f"; software: {', '.join([*facts[:FACTS], *more])}" if facts else ""


def sparkline(rates: Sequence[float]) -> str:
    """A block for each run, or for as many runs in a row as ``SPARKS`` blocks leave to each.

    Args:
        rates: At least one, all above 0.
    """
    count = min(len(rates), SPARKS)
    ends = [len(rates) * i // count for i in range(count + 1)]
    means = [geometric_mean(rates[begin:end]) for begin, end in pairwise(ends)]
    low, high = min(means), max(means)
    if high <= low:
        return BLOCKS[len(BLOCKS) // 2] * count
    top = len(BLOCKS) - 1
    return "".join(BLOCKS[round((mean - low) / (high - low) * top)] for mean in means)


def _cells(series: Series) -> Sequence[str]:
    points = series.points
    return (
        printable(series.benchmark),
        f"{len(points):,}",
        f"{points[0].when:%Y-%m-%d}",
        f"{points[-1].when:%Y-%m-%d}",
        per_second(points[-1].rate),
        sparkline([point.rate for point in points]),
        (str(len(series.shifts)) if series.shifts else "none") if series.judged else "too few",
    )


def as_json(found: Iterable[History]) -> str:
    """A record a benchmark and entry, with every run and every change."""
    told = [
        {
            "job": dict(each.entry.job.facts),
            "machine": each.entry.machine,
            **dict(zip(SETUP, each.entry.setup, strict=True)),
            "benchmark": series.benchmark,
            "judged": series.judged,
            "runs": [
                {
                    "when": point.when.isoformat(),
                    "images_per_s": point.rate,
                    "accuracy": point.accuracy,
                    "commit": point.commit,
                    "file": point.path.as_posix(),
                }
                for point in series.points
            ],
            "changes": [_shift(shift) for shift in series.shifts],
        }
        for each in found
        for series in each.series
    ]
    whole = {"least_runs": LEAST_RUNS, "most_runs": MOST_RUNS, "histories": told}
    return json.dumps(whole, indent=1, ensure_ascii=False)


def _shift(shift: Shift) -> dict[str, Any]:
    found = shift.change
    return {
        "index": found.index,
        "when": shift.after.when.isoformat(),
        "ratio": found.ratio.value,
        "ratio_low": found.ratio.low,
        "ratio_high": found.ratio.high,
        "p": found.p,
        "commits": shift.commit_range,
        "software": [{"name": f.key, "old": f.old, "new": f.new} for f in shift.software],
    }
