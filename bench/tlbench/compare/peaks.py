"""Entries whose machine was slower than in another run, by its matrix-multiply peak."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tlbench.compare.entries import same_machine
from tlbench.runs.row import SETUP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tlbench.compare.entries import Entry
    from tlbench.runs.collect import Run

#: A peak below this share of the machine's best one is weak. On shared machines, peaks of runs
#: that used the whole machine differ by up to a quarter.
WEAK = 0.7


class WeakPeak(NamedTuple):
    """Matrix-multiply peaks in GFLOP/s: the latest run's, and the best of the same machine."""

    own: float
    best: float


def weak_peaks(entries: Sequence[Entry]) -> dict[int, WeakPeak]:
    """By position, entries whose machine was slower in the latest run than in another one.

    The best peak is of all runs on the same machine with the same device and as many threads, in
    the same precision.
    """
    own = [_peak(entry.last) for entry in entries]
    tops = [
        max(_peak(run) for run in entry.runs if _precision(run) == _precision(entry.last))
        for entry in entries
    ]
    best = [
        max(top for other, top in zip(entries, tops, strict=True) if _alike(entry, other))
        for entry in entries
    ]
    pairs = enumerate(map(WeakPeak, own, best))
    return {i: pair for i, pair in pairs if 0 < pair.own < WEAK * pair.best}


def _alike(entry: Entry, other: Entry) -> bool:
    """Whether two entries had the same machine, device, threads, and precision of the peak."""
    if _precision(entry.last) != _precision(other.last):
        return False
    same_setup = all(
        one == another
        for name, one, another in zip(SETUP, entry.setup, other.setup, strict=True)
        if name != "engine"
    )
    return same_setup and same_machine(entry, other)


def _precision(run: Run) -> str:
    """Of the run's peak; files that don't say have peaks in single precision."""
    return next((row.peak_precision for row in run.rows if row.peak_precision), "fp32")


def _peak(run: Run) -> float:
    """The best of its benchmarks; 0 where none has one."""
    return max((row.peak_gflops_per_s or 0.0 for row in run.rows), default=0.0)
