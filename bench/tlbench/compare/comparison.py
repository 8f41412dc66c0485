"""Entries of a job side by side: throughput, ratios and their significance, accuracies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import msgspec

from tlbench.compare.cost import SECONDS_PER_HOUR, cost_ranking
from tlbench.compare.differing import differing, mixtures
from tlbench.compare.entries import FROM_FILES, WHOLE_JOB, accuracy, by_job, labelled
from tlbench.compare.judging import corrected
from tlbench.compare.peaks import weak_peaks
from tlbench.compare.prices import NO_PRICES, price_in
from tlbench.compare.reference import headline
from tlbench.runs.answers import NotComparableError, accuracy_change
from tlbench.runs.row import STAGES
from tlbench.stats.ratios import ratio

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tlbench.compare.cost import CostRanking
    from tlbench.compare.differing import Differing
    from tlbench.compare.entries import Entry, Job
    from tlbench.compare.peaks import WeakPeak
    from tlbench.compare.prices import Prices
    from tlbench.compare.reference import Headline
    from tlbench.runs.row import Row
    from tlbench.stats.ratios import Ratio, Significance

#: Accuracies differ where chance alone makes them differ as much with at most this probability.
ACCURACY_ALPHA = 0.01
#: Timing qualities that make a time unreliable.
UNRELIABLE = ("noisy", "drifting", "throttled", "cold", "unsynchronised")


@dataclass(frozen=True)
class Cell:
    """A benchmark of an entry.

    Attributes:
        rates: Images per second of each run; ``rate`` is their geometric mean.
        low, high: The least and the greatest of them; of a single run, the ends of the interval of
            its rounds' median, where it has one.
        accuracy: The median of the runs' top-1 accuracies.
        last: The latest run's row.
        price_per_hour: Of the machine: what was given for it, else with the latest run; None where
            neither was.
        ratio: To the first entry that has the benchmark; None for that one itself.
        chance: The ratio's p-value, corrected for the entry's others; see ``judging``.
        accuracy_p: Two-sided chance of accuracies as different as the latest runs', image by image;
            None where they can't be compared.
    """

    rates: tuple[float, ...]
    rate: float
    low: float
    high: float
    accuracy: float | None
    last: Row
    price_per_hour: float | None
    ratio: Ratio | None = None
    chance: float | None = None
    accuracy_p: float | None = None

    @property
    def significance(self) -> Significance | None:
        """Of the ratio; None without one."""
        return self.ratio.significance(self.chance) if self.ratio else None

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
        """At the machine's price; None without one."""
        price = self.price_per_hour
        return SECONDS_PER_HOUR * self.rate / price if price else None


@dataclass(frozen=True)
class Comparison:
    """The results of a job: labelled entries, of which ratios are to the first.

    ``cells`` are by benchmark, one for each entry; None where it lacks the benchmark. The whole job
    comes first, then stages in the order in which they happen.
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
    def costs(self) -> CostRanking | None:
        """What the whole job costs where machines have prices; None where none has."""
        whole = [self.cell_of_job(position) for position in range(len(self.entries))]
        return cost_ranking(self.entries, [cell.price_per_hour if cell else None for cell in whole])

    @property
    def old_gpu_rows(self) -> list[int]:
        """Positions of entries with rows of GPUs that say less than such rows do now."""
        return [at for at, entry in enumerate(self.entries) if entry.has_old_gpu_rows]

    @cached_property
    def weak_peaks(self) -> Mapping[int, WeakPeak]:
        """By position, entries whose machine was slower than in another run."""
        return weak_peaks(self.entries)

    def cell_of_job(self, position: int) -> Cell | None:
        """An entry's whole job; None where it was not measured."""
        name = self.entries[position].whole_job
        return self.cells[name][position] if name else None

    def of_entry(self, position: int) -> dict[str, Cell]:
        """An entry's cells by benchmark."""
        return {
            name: cell
            for name, cells in self.cells.items()
            if (cell := cells[position]) is not None
        }


def compared(entries: Iterable[Entry], prices: Prices = NO_PRICES) -> list[Comparison]:
    """Put the entries of each job side by side; machines have prices as given, or as measured."""
    return [_comparison(job, labelled(group), prices) for job, group in by_job(entries).items()]


def _comparison(job: Job, entries: list[Entry], prices: Prices) -> Comparison:
    stages = {name: rows[0].stage for each in entries for name, rows in each.benchmarks.items()}
    order = (WHOLE_JOB, *STAGES)
    names = sorted(stages, key=lambda name: (order.index(stages[name]), name == FROM_FILES))
    given = [prices.of(entry) for entry in entries]
    cells = {}
    for name in names:
        plain = [_cell(entry, name, price) for entry, price in zip(entries, given, strict=True)]
        cells[name] = tuple(_with_ratios(plain))
    return Comparison(job, tuple(entries), _judged(cells, [entry.whole_job for entry in entries]))


def _cell(entry: Entry, benchmark: str, price: float | None) -> Cell | None:
    rows = entry.benchmarks.get(benchmark)
    if not rows:
        return None
    rates, last = entry.rates(benchmark), rows[-1]
    ends = rates
    if len(rates) == 1 and last.interval_s:
        ends = [last.images / end for end in last.interval_s]
    return Cell(
        *(tuple(rates), entry.rate(benchmark), min(ends), max(ends), accuracy(entry, benchmark)),
        *(last, price or price_in(last)),
    )


def _with_ratios(cells: Sequence[Cell | None]) -> Iterable[Cell | None]:
    """A benchmark's cells with their ratios to the first."""
    base = next(cell for cell in cells if cell is not None)
    for cell in cells:
        if cell is None or cell is base:
            yield cell
        else:
            chance = _accuracy_p(base.last, cell.last)
            yield replace(cell, ratio=ratio(base.rates, cell.rates), accuracy_p=chance)


def _judged(
    cells: Mapping[str, tuple[Cell | None, ...]], whole_jobs: Sequence[str | None]
) -> dict[str, tuple[Cell | None, ...]]:
    """Cells with the corrected chances of their ratios: each entry's are judged by themselves."""
    chances = []
    for position, whole_job in enumerate(whole_jobs):
        own = {name: several[position] for name, several in cells.items()}
        ratios = {name: cell.ratio for name, cell in own.items() if cell and cell.ratio}
        chances.append(corrected(ratios, whole_job))
    return {
        name: tuple(
            replace(cell, chance=own.get(name)) if cell else None
            for cell, own in zip(several, chances, strict=True)
        )
        for name, several in cells.items()
    }


def _accuracy_p(base: Row, other: Row) -> float | None:
    """Two-sided chance of accuracies as different; None where they can't be compared."""
    first, second = map(msgspec.structs.asdict, (base, other))
    try:
        changes = [accuracy_change(first, second), accuracy_change(second, first)]
    except NotComparableError:
        return None
    return min(1.0, 2 * min(change.p for change in changes if change)) if all(changes) else None
