"""Runs that had less of their machine than others had: the matrix-multiply peak tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.compare.entries import SETUP

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.compare.entries import Entry
    from bench.records.collect import Run

#: Share of the best peak of a machine, below which a run had less of it. On shared machines, peaks
#: of runs that used all of it differ by up to a quarter.
WEAK = 0.7


def weak_peaks(entries: Sequence[Entry]) -> dict[int, tuple[float, float]]:
    """Entries whose latest run found its machine weak.

    Args:
        entries: Of one comparison.

    Returns:
        By position, the peak of the latest run and the best of all runs on the same machine with
        the same device and as many threads, in GFLOP/s.
    """
    best: dict[tuple[object, ...], float] = {}
    for entry in entries:
        for run in entry.runs:
            best[_kind(entry)] = max(best.get(_kind(entry), 0.0), _peak(run))
    found = {i: (_peak(entry.last), best[_kind(entry)]) for i, entry in enumerate(entries)}
    return {i: (own, top) for i, (own, top) in found.items() if 0 < own < WEAK * top}


def _kind(entry: Entry) -> tuple[object, ...]:
    return entry.machine, *(
        value for name, value in zip(SETUP, entry.setup, strict=True) if name != "engine"
    )


def _peak(run: Run) -> float:
    """The best that any of its benchmarks found; 0 where none did."""
    return max((row.peak_gflops_per_s or 0.0 for row in run.rows), default=0.0)
