"""Runs that had less of their machine than others had: the matrix-multiply peak tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tlbench.compare.entries import SETUP
from tlbench.machine.difference import compare_fingerprints

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tlbench.compare.entries import Entry
    from tlbench.runs.collect import Run

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
    own = [_peak(entry.last) for entry in entries]
    tops = [max(map(_peak, entry.runs)) for entry in entries]
    best = [
        max(top for other, top in zip(entries, tops, strict=True) if _alike(entry, other))
        for entry in entries
    ]
    pairs = enumerate(zip(own, best, strict=True))
    return {i: (peak, top) for i, (peak, top) in pairs if 0 < peak < WEAK * top}


def _alike(entry: Entry, other: Entry) -> bool:
    """Whether two entries had the same machine, device and number of threads."""
    same_setup = all(
        one == another
        for name, one, another in zip(SETUP, entry.setup, other.setup, strict=True)
        if name != "engine"
    )
    return same_setup and not compare_fingerprints(entry.last.facts, other.last.facts).machine


def _peak(run: Run) -> float:
    """The best that any of its benchmarks found; 0 where none did."""
    return max((row.peak_gflops_per_s or 0.0 for row in run.rows), default=0.0)
