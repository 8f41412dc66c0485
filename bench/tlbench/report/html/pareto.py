"""The picture of accuracy beside throughput."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tlbench.compare.entries import accuracy
from tlbench.report.html.chart import (
    LENGTH,
    MOST,
    Chart,
    marker,
    panels,
    short,
    tick,
)
from tlbench.report.table import per_second
from tlbench.stats.proportions import wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from tlbench.compare.comparison import Comparison


def pareto(comparisons: Sequence[Comparison], number: int) -> Chart | None:
    """Accuracy beside throughput of all jobs on the same test images; None without accuracies."""
    found = [
        (f"{entry.label}, {_job(comparison)}", name, entry.rate(name), top1, entry)
        for comparison in comparisons
        for entry in comparison.entries
        for name in comparison.cells
        if name.startswith(("pipeline", "time_to_accuracy"))
        and entry.benchmarks.get(name)
        and (top1 := accuracy(entry, name)) is not None
    ][: 2 * MOST]
    if len(found) < 2:
        return None
    best = _front([(rate, top1) for _, _, rate, top1, _ in found])
    points = []
    for position, (label, name, rate, top1, entry) in enumerate(found):
        count = entry.benchmarks[name][-1].test_size
        low, high = wilson(round(top1 * count), count)
        points.append((label, name, rate, top1, low, high, position in best))
    rows = tuple(
        (label, name, per_second(rate), f"{top1:.4f}", f"{low:.4f} to {high:.4f}", "yes" * front)
        for label, name, rate, top1, low, high, front in points
    )
    return Chart(
        name=f"pareto-{number}",
        title="Accuracy beside throughput",
        about="The whole job from raw images to test accuracy: further right is faster, further up "
        "is more accurate, both on the same test images. What the line joins is beaten by nothing "
        "in both. Bars are 95 % intervals of the accuracy (Wilson).",
        headings=("entry", "benchmark", "images/s", "top-1", "interval", "on the line"),
        rows=rows,
        draw=partial(_draw_pareto, points),
    )


def _job(comparison: Comparison) -> str:
    known = dict(comparison.job.facts)
    return f"{known.get('workload', 'mixed')} {known.get('precision', '')}".strip()


def _front(points: Sequence[tuple[float, float]]) -> set[int]:
    """Positions of points that no other has at least as much of both, and more of one."""
    return {
        i
        for i, (x, y) in enumerate(points)
        if not any((a >= x and b >= y) and (a > x or b > y) for a, b in points)
    }


def _draw_pareto(points: Sequence[tuple[str, str, float, float, float, float, bool]]) -> Figure:
    figure, (panel,) = panels(["top-1"], [3.4])
    front = sorted((rate, top1) for _, _, rate, top1, _, _, best in points if best)
    panel.plot(*zip(*front, strict=True), color="gray", linewidth=1.2, zorder=1)
    for position, (label, name, rate, top1, low, high, _) in enumerate(points):
        look = marker(position)
        panel.errorbar(
            rate, top1, [[max(0, top1 - low)], [max(0, high - top1)]], color=look["color"],
            marker=look["marker"], markersize=8, capsize=3, linestyle="",
            label=f"{short(label, 2 * LENGTH)}: {name}",
        )  # fmt: skip
    panel.set_xlabel("images/s", fontsize=9)
    panel.set_xlim(0, 1.1 * max(point[2] for point in points))
    panel.xaxis.set_major_formatter(tick)
    panel.legend(loc="upper left", bbox_to_anchor=(0, -0.14), frameon=False, fontsize=9)
    return figure
