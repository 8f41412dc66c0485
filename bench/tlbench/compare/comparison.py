"""Entries of a job beside each other: rates, ratios and whether these are real, accuracies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from tlbench.compare.differing import differing
from tlbench.compare.entries import accuracy, by_job, labelled
from tlbench.runs.answers import NotComparableError, accuracy_change
from tlbench.runs.read import ResultError, read_rows
from tlbench.stats.ratios import ratio

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tlbench.compare.differing import Differing
    from tlbench.compare.entries import Entry, Job
    from tlbench.runs.read import Row
    from tlbench.stats.ratios import Ratio, Significance

#: Chance of a difference of accuracy as large, from which on it is no difference.
ACCURACY_ALPHA = 0.01


@dataclass(frozen=True)
class Cell:
    """A benchmark of an entry.

    Attributes:
        rates: Images a second of each run.
        rate: Their geometric mean.
        spread: Greatest and least of them, as shares of ``rate``; None for one run.
        accuracy: The median of the runs' top-1 accuracies; None where there is none.
        verdict: What the latest run said of its own rounds, such as ``noisy``.
        ratio: Against the first entry that has the benchmark; None for that one itself.
        word: Whether the ratio is real.
        accuracy_p: Two-sided chance of accuracies as different as the latest runs', image by image;
            None where they can't be compared.
        images_per_money: For the price that the latest run was given; None without one.
    """

    rates: tuple[float, ...]
    rate: float
    spread: tuple[float, float] | None
    accuracy: float | None
    verdict: str | None
    ratio: Ratio | None = None
    word: Significance | None = None
    accuracy_p: float | None = None
    images_per_money: float | None = None

    @property
    def accuracy_differs(self) -> bool:
        """Whether the accuracy is another than the first entry's, beyond chance."""
        return self.accuracy_p is not None and self.accuracy_p <= ACCURACY_ALPHA


@dataclass(frozen=True)
class Comparison:
    """What there is of a job.

    Attributes:
        job: The job.
        entries: What is compared, labelled; ratios are against the first.
        cells: By benchmark, one for each entry; None where it lacks the benchmark.
        differing: What entries differ in besides their labels.
    """

    job: Job
    entries: tuple[Entry, ...]
    cells: dict[str, tuple[Cell | None, ...]]
    differing: tuple[Differing, ...]


def compared(entries: Iterable[Entry]) -> list[Comparison]:
    """Put the entries of each job beside each other."""
    return [_comparison(job, labelled(found)) for job, found in by_job(entries).items()]


def _comparison(job: Job, entries: list[Entry]) -> Comparison:
    names = list(dict.fromkeys(name for entry in entries for name in entry.benchmarks))
    plain = {name: [_cell(entry, name) for entry in entries] for name in names}
    together = sum(sum(cell is not None for cell in cells) - 1 for cells in plain.values())
    details = _Details()
    cells = {
        name: tuple(_beside(name, entries, found, together, details))
        for name, found in plain.items()
    }
    return Comparison(job, tuple(entries), cells, tuple(differing(entries)))


def _cell(entry: Entry, benchmark: str) -> Cell | None:
    rows = entry.benchmarks.get(benchmark)
    if not rows:
        return None
    rates, rate = entry.rates(benchmark), entry.rate(benchmark)
    cost = rows[-1].cost_per_million_images
    return Cell(
        rates=tuple(rates),
        rate=rate,
        spread=(min(rates) / rate, max(rates) / rate) if len(rates) > 1 else None,
        accuracy=accuracy(entry, benchmark),
        verdict=rows[-1].verdict,
        images_per_money=1e6 / cost if cost else None,
    )


def _beside(
    name: str,
    entries: Sequence[Entry],
    cells: Sequence[Cell | None],
    together: int,
    details: _Details,
) -> Iterable[Cell | None]:
    """The cells with their ratios to the first that isn't empty."""
    first = next(i for i, cell in enumerate(cells) if cell is not None)
    base = cells[first]
    for i, cell in enumerate(cells):
        if cell is None or base is None or i == first:
            yield cell
            continue
        found = ratio(base.rates, cell.rates)
        chance = details.chance(entries[first], entries[i], name)
        yield replace(cell, ratio=found, word=found.significance(together), accuracy_p=chance)


class _Details:
    """Rows in full, with the bits of which images were right, of the latest runs only."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[str, Row]] = {}

    def chance(self, base: Entry, head: Entry, benchmark: str) -> float | None:
        """Two-sided, of accuracies as different; None where they can't be compared."""
        first, second = (self._of(entry).get(benchmark) for entry in (base, head))
        if first is None or second is None:
            return None
        try:
            changes = [
                accuracy_change(a.info, b.info) for a, b in ((first, second), (second, first))
            ]
        except NotComparableError:
            return None
        return min(1.0, 2 * min(change.p for change in changes if change)) if all(changes) else None

    def _of(self, entry: Entry) -> dict[str, Row]:
        key = str(entry.last.path)
        if key not in self._rows:
            try:
                self._rows[key] = {row.label: row for row in read_rows(entry.last.path)}
            except ResultError:  # removed meanwhile
                self._rows[key] = {}
        return self._rows[key]
