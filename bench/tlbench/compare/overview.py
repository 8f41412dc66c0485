"""All that a report shows: sections by job, then machines and files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from tlbench.compare.comparison import compared
from tlbench.compare.entries import FROM_FILES, by_job
from tlbench.compare.history import histories
from tlbench.compare.latest import breakdown, rounds_of
from tlbench.compare.prices import NO_PRICES
from tlbench.compare.roofline import roofline
from tlbench.stats.frontier import on_frontier
from tlbench.stats.proportions import wilson
from tlbench.stats.ratios import ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from tlbench.compare.comparison import Cell, Comparison
    from tlbench.compare.entries import Entry
    from tlbench.compare.history import History
    from tlbench.compare.latest import Breakdown, TimedRound
    from tlbench.compare.prices import Prices
    from tlbench.compare.reference import Headline
    from tlbench.compare.roofline import Roofline
    from tlbench.runs.collect import Run
    from tlbench.runs.row import Row, Sample

Fact = TypeVar("Fact")
#: Entries with so many runs have a history, and so many entries of a job are searched for changes.
LEAST_RUNS, MOST_HISTORIES = 3, 6
#: Benchmarks from raw images to test accuracy.
WHOLE_JOBS = ("pipeline", "time_to_accuracy")


@dataclass(frozen=True)
class Summary:
    """What matters most of an entry: the time of its whole job, and how it compares.

    Attributes:
        seconds: Of the whole job, and ``cell`` its throughput beside that of the first entry; None
            where it was not measured.
        headline: None for jobs that the reference machine hasn't run.
    """

    label: str
    seconds: float | None
    cell: Cell | None
    headline: Headline | None


@dataclass(frozen=True)
class Samples:
    """Sample images of an entry's benchmark, with their predictions."""

    entry: str
    benchmark: str
    images: tuple[Sample, ...]


@dataclass(frozen=True)
class Section:
    """A job.

    Attributes:
        summaries: Of each entry that has one, the fastest at the whole job first.
        samples: Of the first entry that has any.
        histories: Of entries with several runs.
        more_histories: How many entries with several runs are not among these.
        rounds: Of the latest runs, by benchmark and position of the entry.
        rooflines: Of the latest runs' rows that have one, as ``rounds``.
        breakdowns: Where the time of the whole job goes, by position of the entry.
        pareto: Accuracies and throughputs of all jobs on the same test images, in the first of
            their sections; else empty.
    """

    comparison: Comparison
    summaries: tuple[Summary, ...]
    samples: tuple[Samples, ...]
    histories: tuple[History, ...]
    more_histories: int
    rounds: dict[str, dict[int, tuple[TimedRound, ...]]]
    rooflines: dict[str, dict[int, Roofline]]
    breakdowns: dict[int, Breakdown]
    pareto: tuple[Point, ...]

    @property
    def lead(self) -> str:
        """What the first summary's whole job is, in words; empty without another to compare with.

        The fastest only where it differs significantly from each of the others. It was chosen for
        that, so it must be better than all of them, each at the full level.
        """
        rates = [each.cell.rates for each in self.summaries if each.cell]
        if len(rates) < 2:
            return ""
        words = {ratio(other, rates[0]).significance() for other in rates[1:]}
        return "the fastest" if words == {"faster"} else "shortest"


@dataclass(frozen=True)
class Overview:
    """What a report shows: a section per job, runs, the latest first, and each machine's latest."""

    sections: tuple[Section, ...]
    runs: tuple[Run, ...]
    machines: dict[str, Run]


def overview(entries: Sequence[Entry], prices: Prices = NO_PRICES) -> Overview:
    """Summarise entries: of each job, the first one, then the others by their whole job's time.

    Machines have prices as given, or as measured.
    """
    jobs = by_job(entries).values()
    ordered = [each for first, *rest in jobs for each in (first, *sorted(rest, key=_seconds))]
    comparisons = compared(ordered, prices)
    runs = sorted((run for entry in entries for run in entry.runs), key=lambda run: run.when)
    return Overview(
        tuple(_section(each, comparisons) for each in comparisons),
        tuple(runs[::-1]),
        {run.machine: run for run in runs},
    )


def _section(comparison: Comparison, others: Sequence[Comparison]) -> Section:
    several = [each for each in comparison.entries if len(each.runs) >= LEAST_RUNS]
    searched = several[:MOST_HISTORIES]
    alike = [each for each in others if _images(each) == _images(comparison)]
    return Section(
        comparison,
        tuple(_summaries(comparison)),
        tuple(_samples(comparison)),
        tuple(histories(searched)),
        len(several) - len(searched),
        _of_latest(comparison, rounds_of),
        _of_latest(comparison, roofline),
        {
            position: parts
            for position, entry in enumerate(comparison.entries)
            if (parts := breakdown(entry.last))
        },
        tuple(pareto(alike)) if alike[0] is comparison else (),
    )


def _images(comparison: Comparison) -> tuple[object, ...]:
    """What accuracies must have in common to be comparable."""
    return comparison.job["data_fingerprint"], comparison.job["test_size"]


def _summaries(comparison: Comparison) -> Iterable[Summary]:
    shown = []
    for position, (entry, headline) in enumerate(
        zip(comparison.entries, comparison.headlines, strict=True)
    ):
        cell = comparison.cell_of_job(position)
        if cell or headline:
            shown.append(Summary(entry.label, entry.job_seconds, cell, headline))
    return sorted(shown, key=lambda each: math.inf if each.seconds is None else each.seconds)


def _seconds(entry: Entry) -> float:
    """Of the whole job; infinite where it was not measured."""
    return math.inf if entry.job_seconds is None else entry.job_seconds


def _of_latest(
    comparison: Comparison, fact: Callable[[Row], Fact | None]
) -> dict[str, dict[int, Fact]]:
    """What latest runs' rows have of something, by benchmark and position; no empty ones."""
    by_benchmark = {
        name: {
            position: found
            for position, cell in enumerate(cells)
            if cell is not None and (found := fact(cell.last))
        }
        for name, cells in comparison.cells.items()
    }
    return {name: several for name, several in by_benchmark.items() if several}


def _samples(comparison: Comparison) -> Iterable[Samples]:
    for entry in comparison.entries:
        shown = [
            Samples(entry.label, row.label, row.samples) for row in entry.last.rows if row.samples
        ]
        if shown:
            return shown
    return ()


@dataclass(frozen=True)
class Point:
    """A benchmark of an entry.

    Attributes:
        label: The entry's, with what its job is where there are several.
        rate: Images per second.
        interval: The 95 % interval of the top-1 accuracy (Wilson).
        on_front: Whether no other point has at least as much of both, and more of one.
    """

    label: str
    benchmark: str
    rate: float
    accuracy: float
    interval: tuple[float, float]
    on_front: bool


def pareto(comparisons: Sequence[Comparison]) -> list[Point]:
    """Points of jobs on the same test images, those on the front first; none unless there are two.

    Of both kinds the fastest first.
    """
    cells = list(_cells(comparisons))
    front = on_frontier([(cell.rate, top1) for *_, cell, top1 in cells])
    points = [
        Point(label, name, cell.rate, top1, _interval(top1, cell.last.test_size), best)
        for (label, name, cell, top1), best in zip(cells, front, strict=True)
    ]
    points.sort(key=lambda point: (not point.on_front, -point.rate))
    return points if len(points) > 1 else []


def _interval(top1: float, count: int) -> tuple[float, float]:
    return wilson(round(top1 * count), count)


def _cells(comparisons: Sequence[Comparison]) -> Iterator[tuple[str, str, Cell, float]]:
    """Labels, which name the job where there are several, benchmarks and their accuracies."""
    for each in comparisons:
        facts = dict(each.job.facts)
        job = f", {facts.get('workload', 'mixed')} {facts.get('precision', '')}".rstrip()
        for position, entry in enumerate(each.entries):
            label = entry.label + job * (len(comparisons) > 1)
            for name, cell in each.of_entry(position).items():
                # What went through picture files has other pixels.
                named = name.startswith(WHOLE_JOBS) and name != FROM_FILES
                if named and cell.accuracy is not None:
                    yield label, name, cell, cell.accuracy
