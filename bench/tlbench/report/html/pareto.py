"""The picture of accuracy against throughput."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tlbench.report.html.chart import LENGTH, MOST, Chart, marker, panels, short, tick
from tlbench.report.table import per_second, share

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from tlbench.compare.overview import Point


def pareto(points: Sequence[Point], number: int) -> Chart | None:
    """Accuracy against throughput of all jobs on the same test images; None without points."""
    shown = points[: 2 * MOST]
    if not shown:
        return None
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
            for each in shown
        ),
        draw=partial(_draw, shown),
    )


def _draw(points: Sequence[Point]) -> Figure:
    figure, (panel,) = panels(["top-1"], [3.4])
    front = sorted((each.rate, each.accuracy) for each in points if each.on_front)
    panel.plot(*zip(*front, strict=True), color="gray", linewidth=1.2, zorder=1)
    for position, each in enumerate(points):
        look = marker(position)
        low, high = each.interval
        panel.errorbar(
            each.rate, each.accuracy,
            [[max(0, each.accuracy - low)], [max(0, high - each.accuracy)]], color=look["color"],
            marker=look["marker"], markersize=8, capsize=3, linestyle="",
            label=f"{short(each.label, 2 * LENGTH)}: {each.benchmark}",
        )  # fmt: skip
    panel.set_xlabel("images/s", fontsize=9)
    panel.set_xlim(0, 1.1 * max(each.rate for each in points))
    panel.xaxis.set_major_formatter(tick)
    panel.legend(loc="upper left", bbox_to_anchor=(0, -0.14), frameon=False, fontsize=9)
    return figure
