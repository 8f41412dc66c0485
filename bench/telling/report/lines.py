"""Pictures of points and lines: accuracy beside throughput, and rounds."""

from __future__ import annotations

from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.compare.entries import accuracy
from bench.records.read import ResultError, read_rows
from bench.telling.per_class import wilson
from bench.telling.report.chart import (
    LENGTH,
    MOST,
    MOST_LINES,
    PANEL,
    Chart,
    legend_below,
    marker,
    panels,
    short,
    tick,
)
from bench.telling.table import seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.figure import Figure

    from bench.compare.comparison import Comparison
    from bench.compare.entries import Entry
    from bench.records.read import Row


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
        count = int(entry.benchmarks[name][-1].info["test_size"])
        low, high = wilson(round(top1 * count), count)
        points.append((label, name, rate, top1, low, high, position in best))
    rows = tuple(
        (label, name, f"{rate:,.4g}", f"{top1:.4f}", f"{low:.4f} to {high:.4f}", "yes" * front)
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


def rounds(comparison: Comparison, number: int) -> Chart | None:
    """Every round of the latest runs, in order; None where files have none."""
    read = [(i, each.label, _rows(each)) for i, each in enumerate(comparison.entries[:MOST_LINES])]
    found = {name: series for name in comparison.cells if (series := list(_rounds(read, name)))}
    if not found:
        return None
    rows = tuple(
        (name, label, str(n + 1), "timed" if each["timed"] else "warm-up", seconds(each["seconds"]))
        for name, series in found.items()
        for _, label, several in series
        for n, each in enumerate(several)
    )
    return Chart(
        name=f"rounds-{number}",
        title="Every round",
        about="Rounds of the latest run of each entry in their order, as multiples of the median "
        "of the timed ones. Empty marks are warm-ups, which don't count. Flat is steady; what a "
        "run itself says of its rounds stands in the table of results.",
        headings=("benchmark", "entry", "round", "kind", "time"),
        rows=rows,
        draw=partial(_draw_rounds, found),
    )


Rounds = tuple[int, str, list[dict[str, Any]]]


def _rows(entry: Entry) -> list[Row]:
    """The latest run's rows in full; none where its file was removed meanwhile."""
    try:
        return read_rows(entry.last.path)
    except ResultError:
        return []


def _rounds(read: Sequence[tuple[int, str, list[Row]]], benchmark: str) -> Iterable[Rounds]:
    for position, label, rows in read:
        for row in rows:
            several = row.info.get("rounds") or []
            timed = [each for each in several if each.get("timed")]
            if row.label == benchmark and len(timed) > 1:
                yield position, label, several


def _draw_rounds(found: dict[str, list[Rounds]]) -> Figure:
    figure, axes = panels(list(found), [PANEL] * len(found))
    for panel, series in zip(axes, found.values(), strict=True):
        for position, label, several in series:
            middle = median(each["seconds"] for each in several if each["timed"])
            values = [each["seconds"] / middle for each in several]
            look = marker(position)
            order = range(1, len(values) + 1)
            panel.plot(order, values, color=look["color"], linewidth=0.8, alpha=0.6)
            for timed, face in ((True, look["color"]), (False, "none")):
                chosen = [i for i, each in enumerate(several) if bool(each["timed"]) is timed]
                panel.plot(
                    [i + 1 for i in chosen], [values[i] for i in chosen], linestyle="",
                    color=look["color"], marker=look["marker"], markerfacecolor=face, markersize=5,
                    label=short(label) if timed else None,
                )  # fmt: skip
        panel.axhline(1, color="gray", linewidth=0.8, linestyle=":")
        panel.locator_params(axis="x", integer=True)
    legend_below(axes)
    return figure
