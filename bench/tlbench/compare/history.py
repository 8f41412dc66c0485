"""Runs of one entry over time, benchmark by benchmark, and what else differs at each change."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from statistics import geometric_mean
from typing import TYPE_CHECKING

from tlbench.compare.differing import UNKNOWN
from tlbench.machine.difference import compare_fingerprints
from tlbench.stats.change_points import LEAST_RUNS, MOST_RUNS, change_points

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from datetime import datetime
    from pathlib import Path

    from tlbench.compare.entries import Entry
    from tlbench.machine.difference import Change as Fact
    from tlbench.stats.change_points import Change


#: Means that stand for a series in a line of text.
LEVELS = 14


@dataclass(frozen=True)
class Point:
    """A benchmark of one run: images per second, top-1 accuracy, and ``Run``'s attributes."""

    when: datetime
    rate: float
    accuracy: float | None
    commit: str | None
    path: Path


@dataclass(frozen=True)
class Shift:
    """A change point, the runs before and after it, and how the software of these two differs."""

    change: Change
    before: Point
    after: Point
    software: tuple[Fact, ...]

    @property
    def commit_range(self) -> str:
        """As git takes it, such as ``a1b2c3d4e5f6..0a1b2c3d4e5f``, but for ``unknown``."""
        return f"{self.before.commit or UNKNOWN}..{self.after.commit or UNKNOWN}"

    @property
    def same_commit(self) -> bool:
        """Whether both runs are of one commit without uncommitted changes: not a change of code."""
        commit = self.before.commit
        return commit is not None and commit == self.after.commit and not commit.endswith("+")


@dataclass(frozen=True)
class Series:
    """One benchmark, such as ``train (cached)``, over time; the earliest first."""

    benchmark: str
    points: tuple[Point, ...]
    shifts: tuple[Shift, ...]

    @property
    def judged(self) -> int:
        """How many runs, the latest, were searched for changes; 0 where there are too few."""
        return min(len(self.points), MOST_RUNS) if len(self.points) >= LEAST_RUNS else 0

    @cached_property
    def levels(self) -> tuple[float, ...]:
        """Rates from the lowest, 0, to the highest, 1; of more than ``LEVELS``, neighbours' means.

        All are 0.5 where rates are equal.
        """
        rates = [point.rate for point in self.points]
        count = min(len(rates), LEVELS)
        ends = [len(rates) * i // count for i in range(count + 1)]
        means = [geometric_mean(rates[begin:end]) for begin, end in pairwise(ends)]
        low, high = min(means), max(means)
        return tuple((mean - low) / (high - low) if high > low else 0.5 for mean in means)


@dataclass(frozen=True)
class History:
    """An entry over time, a series per benchmark."""

    entry: Entry
    series: tuple[Series, ...]


def histories(entries: Iterable[Entry], benchmarks: Collection[str] = ()) -> list[History]:
    """Each entry over time: all benchmarks or the named ones, without which it is left out."""
    shown = [History(entry, tuple(_series(entry, benchmarks))) for entry in entries]
    return [each for each in shown if each.series]


def _series(entry: Entry, benchmarks: Collection[str]) -> Iterable[Series]:
    for name in entry.benchmarks:
        if benchmarks and name not in benchmarks:
            continue
        pairs = [(run, row) for run in entry.runs for row in run.rows if row.label == name]
        points = tuple(
            Point(run.when, row.images_per_s, row.accuracy, run.commit, run.path)
            for run, row in pairs
        )
        shifts = []
        for change in change_points([point.rate for point in points]):
            before, after = change.index - 1, change.index
            facts = (pairs[place][0].facts for place in (before, after))
            software = compare_fingerprints(*facts).software
            shifts.append(Shift(change, points[before], points[after], software))
        yield Series(name, points, tuple(shifts))
