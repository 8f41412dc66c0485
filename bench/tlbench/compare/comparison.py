"""Entries of a job side by side: throughput, ratios and their significance, accuracies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from tlbench.compare.differing import differing, mixtures
from tlbench.compare.entries import accuracy, by_job, labelled
from tlbench.compare.reference import headline
from tlbench.machine.difference import compare_fingerprints
from tlbench.runs.answers import NotComparableError, accuracy_change
from tlbench.runs.row import SETUP
from tlbench.stats.ratios import ratio

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tlbench.compare.differing import Differing
    from tlbench.compare.entries import Entry, Job
    from tlbench.compare.reference import Headline
    from tlbench.runs.collect import Run
    from tlbench.runs.row import Row
    from tlbench.stats.ratios import Ratio, Significance

#: Accuracies differ where chance alone makes them differ as much with at most this probability.
ACCURACY_ALPHA = 0.01
#: Timing qualities that make a time unreliable.
UNRELIABLE = ("noisy", "drifting", "cold", "unsynchronised")
#: A peak below this share of the machine's best one is weak. On shared machines, peaks of runs
#: that used the whole machine differ by up to a quarter.
WEAK = 0.7


@dataclass(frozen=True)
class Cell:
    """A benchmark of an entry.

    Attributes:
        rates: Images per second of each run; ``rate`` is their geometric mean.
        low, high: The least and the greatest of them; of a single run, the ends of the interval of
            its rounds' median, where it has one.
        accuracy: The median of the runs' top-1 accuracies.
        last: The latest run's row.
        ratio: To the first entry that has the benchmark; None for that one itself.
        accuracy_p: Two-sided chance of accuracies as different as the latest runs', image by image;
            None where they can't be compared.
    """

    rates: tuple[float, ...]
    rate: float
    low: float
    high: float
    accuracy: float | None
    last: Row
    ratio: Ratio | None = None
    significance: Significance | None = None
    accuracy_p: float | None = None

    @property
    def accuracy_differs(self) -> bool:
        """Whether the accuracy differs significantly from the first entry's."""
        return self.accuracy_p is not None and self.accuracy_p <= ACCURACY_ALPHA

    @property
    def spread(self) -> tuple[float, float] | None:
        """The least and the greatest rate relative to ``rate``, less 1; None for one run."""
        if len(self.rates) < 2:
            return None
        return self.low / self.rate - 1, self.high / self.rate - 1

    @property
    def unreliable(self) -> bool:
        """Whether the latest run's own timing quality makes the time unreliable."""
        return self.last.timing in UNRELIABLE

    @property
    def images_per_currency_unit(self) -> float | None:
        """For the price that the latest run was given; None without one."""
        cost = self.last.cost_per_million_images
        return 1e6 / cost if cost else None


@dataclass(frozen=True)
class Comparison:
    """The results of a job: labelled entries, of which ratios are to the first.

    ``cells`` are by benchmark, one for each entry; None where it lacks the benchmark.
    """

    job: Job
    entries: tuple[Entry, ...]
    cells: dict[str, tuple[Cell | None, ...]]

    @cached_property
    def differing(self) -> tuple[Differing, ...]:
        """What entries differ in besides their labels."""
        return tuple(differing(self.entries))

    @cached_property
    def mixtures(self) -> Mapping[tuple[str, ...], list[int]]:
        """Positions of entries whose runs differ from each other, by what they differ in."""
        return mixtures(self.entries)

    @cached_property
    def headlines(self) -> tuple[Headline | None, ...]:
        """Each entry's headline; None for jobs that the reference machine hasn't run."""
        return tuple(map(headline, self.entries))

    @cached_property
    def weak_peaks(self) -> Mapping[int, WeakPeak]:
        """By position, entries whose machine was slower than in another run."""
        return weak_peaks(self.entries)

    def of_entry(self, position: int) -> dict[str, Cell]:
        """An entry's cells by benchmark."""
        return {
            name: cell
            for name, cells in self.cells.items()
            if (cell := cells[position]) is not None
        }


def compared(entries: Iterable[Entry]) -> list[Comparison]:
    """Put the entries of each job side by side."""
    return [_comparison(job, labelled(group)) for job, group in by_job(entries).items()]


def _comparison(job: Job, entries: list[Entry]) -> Comparison:
    names = dict.fromkeys(name for entry in entries for name in entry.benchmarks)
    plain = {name: [_cell(entry, name) for entry in entries] for name in names}
    together = sum(sum(cell is not None for cell in cells) - 1 for cells in plain.values())
    cells = {name: tuple(_with_ratios(cells, together)) for name, cells in plain.items()}
    return Comparison(job, tuple(entries), cells)


def _cell(entry: Entry, benchmark: str) -> Cell | None:
    rows = entry.benchmarks.get(benchmark)
    if not rows:
        return None
    rates, last = entry.rates(benchmark), rows[-1]
    ends = rates
    if len(rates) == 1 and last.interval_s:
        ends = [last.images / end for end in last.interval_s]
    return Cell(
        tuple(rates), entry.rate(benchmark), min(ends), max(ends), accuracy(entry, benchmark), last
    )


def _with_ratios(cells: Sequence[Cell | None], together: int) -> Iterable[Cell | None]:
    """A benchmark's cells with their ratios to the first; so many are shown ``together``."""
    base = next(cell for cell in cells if cell is not None)
    for cell in cells:
        if cell is None or cell is base:
            yield cell
        else:
            value = ratio(base.rates, cell.rates)
            chance = _accuracy_p(base.last, cell.last)
            yield replace(
                cell, ratio=value, significance=value.significance(together), accuracy_p=chance
            )


def _accuracy_p(base: Row, other: Row) -> float | None:
    """Two-sided chance of accuracies as different; None where they can't be compared."""
    first, second = map(msgspec.structs.asdict, (base, other))
    try:
        changes = [accuracy_change(first, second), accuracy_change(second, first)]
    except NotComparableError:
        return None
    return min(1.0, 2 * min(change.p for change in changes if change)) if all(changes) else None


class WeakPeak(NamedTuple):
    """Matrix-multiply peaks in GFLOP/s: the latest run's, and the best of the same machine."""

    own: float
    best: float


def weak_peaks(entries: Sequence[Entry]) -> dict[int, WeakPeak]:
    """By position, entries whose machine was slower in the latest run than in another one.

    The best peak is of all runs on the same machine with the same device and as many threads.
    """
    own = [_peak(entry.last) for entry in entries]
    tops = [max(map(_peak, entry.runs)) for entry in entries]
    best = [
        max(top for other, top in zip(entries, tops, strict=True) if _alike(entry, other))
        for entry in entries
    ]
    pairs = enumerate(map(WeakPeak, own, best))
    return {i: pair for i, pair in pairs if 0 < pair.own < WEAK * pair.best}


def _alike(entry: Entry, other: Entry) -> bool:
    """Whether two entries had the same machine, device and number of threads."""
    same_setup = all(
        one == another
        for name, one, another in zip(SETUP, entry.setup, other.setup, strict=True)
        if name != "engine"
    )
    return same_setup and not compare_fingerprints(entry.last.facts, other.last.facts).machine


def _peak(run: Run) -> float:
    """The best of its benchmarks; 0 where none has one."""
    return max((row.peak_gflops_per_s or 0.0 for row in run.rows), default=0.0)
