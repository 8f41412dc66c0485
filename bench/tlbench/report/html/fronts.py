"""Pictures of frontiers: accuracy against throughput, and images per money against time."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from tlbench.report.cost_text import HEADINGS, cost_row
from tlbench.report.html.chart import (
    MOST,
    Chart,
    marker,
    not_shown,
    panels,
    shortened,
    tick,
)
from tlbench.report.table import per_second, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from tlbench.compare.overview import Point, Section


class Mark(NamedTuple):
    """A point, the interval of its height, and whether no other is better in both directions.

    ``position`` decides its colour.
    """

    position: int
    label: str
    x: float
    y: float
    low: float
    high: float
    on_front: bool


def pareto(points: Sequence[Point], number: int) -> Chart | None:
    """Accuracy and throughput of all jobs on the same test images; None without points."""
    if not points:
        return None
    marks = [
        Mark(position, f"{each.label}: {each.benchmark}", each.rate, each.accuracy, *each.interval,
             each.on_front)
        for position, each in enumerate(points[:MOST])
    ]  # fmt: skip
    return Chart(
        name=f"pareto-{number}",
        title="Accuracy and throughput",
        about="The whole job from raw images to test accuracy. Further right is faster, further up "
        "is more accurate, on the same test images. No other entry is better in both than those on "
        "the line. Bars are 95 % intervals of the accuracy (Wilson).",
        headings=("entry", "benchmark", "images/s", "top-1", "interval", "on the line"),
        rows=tuple(
            (
                *(each.label, each.benchmark, per_second(each.rate), share(each.accuracy)),
                *(" to ".join(map(share, each.interval)), "yes" * each.on_front),
            )
            for each in points
        ),
        draw=partial(_draw, marks, "images/s", "top-1", None),
        notes=not_shown(points, MOST),
    )


def money(section: Section, number: int) -> Chart | None:
    """What the whole job costs, and how long it takes; None without two entries with a price."""
    ranking = section.comparison.costs
    if ranking is None or len(ranking.entries) < 2:
        return None
    labels = [entry.label for entry in section.comparison.entries]
    marks = [
        Mark(each.position, labels[each.position], each.seconds, each.images, each.low, each.high,
             each.dominated_by is None)
        for each in ranking.entries[:MOST]
    ]  # fmt: skip
    return Chart(
        name=f"money-{number}",
        title="Images per unit of currency, and time",
        about="The whole job at the machine's price per hour. Further left is faster, further up "
        "is cheaper. No other entry is better in both than those on the line. Bars are 95 % "
        "intervals over runs; the price counts as exact.",
        headings=("entry", *HEADINGS[1:-1], "frontier"),
        rows=tuple(cost_row(each, labels) for each in ranking.entries),
        draw=partial(_draw, marks, "seconds", "images per unit of currency", 0),
        notes=not_shown(ranking.entries, MOST),
    )


def _draw(marks: Sequence[Mark], across: str, up: str, bottom: float | None) -> Figure:
    figure, (panel,) = panels([up], [3.0])
    front = sorted((each.x, each.y) for each in marks if each.on_front)
    panel.plot(*zip(*front, strict=True), color="gray", linewidth=1.2, zorder=1)
    labels = shortened(each.label for each in marks)
    for each in marks:
        look = marker(each.position)
        panel.errorbar(
            each.x, each.y, [[max(0, each.y - each.low)], [max(0, each.high - each.y)]],
            color=look["color"], marker=look["marker"], markersize=8, capsize=3, linestyle="",
            label=labels[each.label],
        )  # fmt: skip
    panel.set_xlabel(across, fontsize=9)
    panel.set_xlim(0, 1.1 * max(each.x for each in marks))
    panel.set_ylim(bottom)
    panel.xaxis.set_major_formatter(tick)
    panel.yaxis.set_major_formatter(tick)
    panel.legend(loc="upper left", bbox_to_anchor=(0, -0.14), frameon=False, fontsize=9)
    return figure
