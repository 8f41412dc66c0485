"""Histories for the terminal and as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tlbench.compare.entries import by_job
from tlbench.report.table import lines_of, per_second
from tlbench.report.text import INDENT, sentence
from tlbench.runs.row import SETUP
from tlbench.stats.change_points import ALARM, LEAST_RUNS, MOST_RUNS
from tlbench.stats.ratios import CONFIDENCE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tlbench.compare.history import History, Series, Shift

HEADINGS = ("benchmark", "runs", "first run", "last run", "images/s", "", "changes")
RIGHT = (1, 4)
#: From the lowest rate to the highest.
BLOCKS = "▁▂▃▄▅▆▇█"
#: Runs from which a line of blocks shows anything.
LEAST_BLOCKS = 4
#: Facts of software that are named behind a change; JSON has all.
FACTS = 4
RATE = "images/s: of the last run."
LEGEND = (
    f"Changes: with the {100 * CONFIDENCE:.0f} % interval, and the commits of the last run before "
    f"and the first run after. At most {100 * ALARM:.0f} in 100 histories without a change show "
    "one, if runs vary independently."
)
TOO_FEW = f"too few: at least {LEAST_RUNS} runs are needed to detect a change."


def as_lines(shown: Sequence[History]) -> list[str]:
    """Lines of at most 80 characters: each entry's table, its changes, then what they mean.

    Entries of a single run are only named: one run is no history.
    """
    lines: list[str] = []
    several = [each for each in shown if len(each.entry.runs) > 1]
    for each in several:
        lines += [
            *sentence(str(each.entry.job)),
            *sentence(each.entry.label),
            "",
            *lines_of(HEADINGS, [_cells(series) for series in each.series], right=RIGHT),
            "",
        ]
        for line in notes(each):
            lines += sentence(line)
        lines += [""] * (lines[-1] != "")
    texts = [RATE, *legends(several)] if several else []
    lines += [line for text in texts for line in sentence(text)]
    single = by_job(each.entry for each in shown if len(each.entry.runs) == 1)
    if single:
        lines += [""] * bool(lines) + ["only one run so far:"]
        for job, entries in single.items():
            lines += sentence(f"{job}:", INDENT)
            for entry in entries:
                lines += sentence(entry.label, 2 * INDENT)
    return lines


def legends(shown: Sequence[History]) -> Iterator[str]:
    """What "too few" and changes mean, where there are any."""
    judged = [bool(series.judged) for each in shown for series in each.series]
    if not all(judged):
        yield TOO_FEW
    if any(judged):
        yield LEGEND


def notes(history: History) -> Iterator[str]:
    """A line per change, and per benchmark of which only the latest runs were searched."""
    for series in history.series:
        for shift in series.shifts:
            yield f"{series.benchmark}: {shift_text(shift)}"
    for series in history.series:
        if 0 < series.judged < len(series.points):
            yield (
                f"{series.benchmark}: only the latest {MOST_RUNS:,} of "
                f"{len(series.points):,} runs were searched for changes"
            )


def shift_text(shift: Shift) -> str:
    """Such as ``-5.2 % (-6.1 to -4.3 %) from 2026-11-12 on, commits a1b2c3..0a1b2c``."""
    ratio = shift.change.ratio
    ends = " to ".join(f"{100 * (end - 1):+.1f}" for end in (ratio.low, ratio.high))
    size = f"{100 * (ratio.value - 1):+.1f} % ({ends} %) from {shift.after.when:%Y-%m-%d} on"
    return f"{size}, {commits_text(shift)}{_software(shift)}"


def commits_text(shift: Shift) -> str:
    """The commits before and after, or that both runs are of the same one."""
    if shift.same_commit:
        return f"the same commit, {shift.after.commit or ''}"
    return f"commits {shift.commit_range}"


def _software(shift: Shift) -> str:
    facts = [str(fact) for fact in shift.software]
    more = [f"and {len(facts) - FACTS} more"] if len(facts) > FACTS else []
    return f"; software: {', '.join([*facts[:FACTS], *more])}" if facts else ""


def sparkline(levels: Sequence[float]) -> str:
    """A block per level, 0 to 1."""
    return "".join(BLOCKS[round(level * (len(BLOCKS) - 1))] for level in levels)


def _cells(series: Series) -> Sequence[str]:
    points = series.points
    return (
        series.benchmark,
        f"{len(points):,}",
        f"{points[0].when:%Y-%m-%d}",
        f"{points[-1].when:%Y-%m-%d}",
        per_second(points[-1].rate),
        sparkline(series.levels) if len(points) >= LEAST_BLOCKS else "",
        (str(len(series.shifts)) if series.shifts else "none") if series.judged else "too few",
    )


def as_json(shown: Iterable[History]) -> str:
    """A record per benchmark and entry, with every run and every change."""
    records = [
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
        for each in shown
        for series in each.series
    ]
    whole = {"least_runs": LEAST_RUNS, "most_runs": MOST_RUNS, "histories": records}
    return json.dumps(whole, indent=1)


def _shift(shift: Shift) -> dict[str, Any]:
    change = shift.change
    return {
        "index": change.index,
        "when": shift.after.when.isoformat(),
        "ratio": change.ratio.value,
        "ratio_low": change.ratio.low,
        "ratio_high": change.ratio.high,
        "p": change.p,
        "commits": shift.commit_range,
        "software": [{"name": f.key, "old": f.old, "new": f.new} for f in shift.software],
    }
