"""Accuracy against throughput, and what no other entry beats in both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tlbench.stats.proportions import wilson

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tlbench.compare.comparison import Cell, Comparison

#: Benchmarks from raw images to test accuracy.
WHOLE_JOBS = ("pipeline", "time_to_accuracy")


@dataclass(frozen=True)
class Point:
    """A benchmark of an entry.

    Attributes:
        label: The entry's, with what its job is.
        benchmark: Its name.
        rate: Images per second.
        accuracy: Top-1.
        interval: The 95 % interval of that (Wilson).
        on_front: Whether no other point has at least as much of both, and more of one.
    """

    label: str
    benchmark: str
    rate: float
    accuracy: float
    interval: tuple[float, float]
    on_front: bool


def pareto(comparisons: Sequence[Comparison]) -> Iterator[Point]:
    """Points of jobs on the same test images; none unless there are two."""
    cells = list(_cells(comparisons))
    for label, name, cell, top1 in cells if len(cells) > 1 else ():
        count = cell.last.test_size
        beaten = any(
            other.rate >= cell.rate
            and accuracy >= top1
            and (other.rate > cell.rate or accuracy > top1)
            for _, _, other, accuracy in cells
        )
        yield Point(label, name, cell.rate, top1, wilson(round(top1 * count), count), not beaten)


def _cells(comparisons: Sequence[Comparison]) -> Iterator[tuple[str, str, Cell, float]]:
    for each in comparisons:
        facts = dict(each.job.facts)
        job = f"{facts.get('workload', 'mixed')} {facts.get('precision', '')}".strip()
        for position, entry in enumerate(each.entries):
            for name, cell in each.of_entry(position).items():
                if name.startswith(WHOLE_JOBS) and cell.accuracy is not None:
                    yield f"{entry.label}, {job}", name, cell, cell.accuracy
