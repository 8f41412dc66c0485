"""The picture of scaling: throughput, efficiency and CPU time by number of workers or GPUs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from tlbench.report.html.chart import (
    MOST_LINES,
    WIDTH,
    Chart,
    marker,
    not_shown,
    shortened,
    style,
    tick,
)
from tlbench.report.table import per_second, scaled, seconds
from tlbench.runs.row import CpuTime

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tlbench.compare.overview import Section
    from tlbench.runs.row import Scaling

#: Height of each row of panels, and room below it for its ticks, in inches.
HEIGHT, ROOM = 1.7, 0.75
PARTS = tuple(field.name for field in msgspec.structs.fields(CpuTime))


class Line(NamedTuple):
    """An entry's scaling in a benchmark; ``position`` decides its colour."""

    benchmark: str
    position: int
    label: str
    unit: str
    points: tuple[Scaling, ...]


def scalings(section: Section, number: int) -> Chart | None:
    """A column of panels for each benchmark that has it; None where none has."""
    entries = section.comparison.entries
    lines = [
        Line(name, i, entries[i].label, f"{scaled(cell.last)}s", cell.last.scaling)
        for name, cells in section.comparison.cells.items()
        for i, cell in enumerate(cells)
        if cell is not None and cell.last.scaling
    ]
    if not lines:
        return None
    shown = [each for each in lines if each.position < MOST_LINES]
    return Chart(
        name=f"scaling-{number}",
        title="Scaling",
        about="Of the latest run: throughput, and efficiency, which is throughput as a share of so "
        "many times that of one. The dashed line is perfect scaling. Strong: the same images for "
        "any number of workers. Weak: as many images for each worker. Below, the CPU time that the "
        "workers have per image, by what it goes to, of the first entry: waiting is for storage, a "
        "GPU or other processes; scheduling is a worker without a shard. The start of workers is "
        "not part of it.",
        headings=(
            *("benchmark", "entry", "workers or GPUs", "images", "images/s", "efficiency"),
            *("started in", "CPU ms per image"),
        ),
        rows=tuple(
            (each.benchmark, each.label, *_texts(point)) for each in lines for point in each.points
        ),
        draw=partial(_draw, shown or lines[:1]),
        notes=not_shown(entries, MOST_LINES),
    )


def _texts(point: Scaling) -> tuple[str, ...]:
    parts = msgspec.structs.asdict(point.cpu_time) if point.cpu_time else {}
    return (
        str(point.devices),
        "-" if point.images is None else f"{point.images:,}",
        per_second(point.images_per_s),
        f"{point.efficiency:.1%}",
        "-" if point.start_s is None else seconds(point.start_s),
        ", ".join(f"{name} {1e3 * part:.3g}" for name, part in parts.items()) or "-",
    )


def _draw(lines: Sequence[Line]) -> Figure:
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(each.benchmark for each in lines))
    has_parts = any(point.cpu_time for each in lines for point in each.points)
    rows = 3 if has_parts else 2
    figure = Figure(figsize=(WIDTH, rows * (HEIGHT + ROOM)))
    grid = figure.subplots(
        rows, len(names), squeeze=False, sharey="row",
        gridspec_kw={"hspace": ROOM / HEIGHT, "wspace": 0.12},
    )  # fmt: skip
    labels = shortened(each.label for each in lines)
    for column, name in enumerate(names):
        several = [each for each in lines if each.benchmark == name]
        rates, shares = grid[0, column], grid[1, column]
        _curves(
            rates, several, labels, lambda point: point.images_per_s, lambda point: point.devices
        )
        _curves(shares, several, labels, lambda point: 100 * point.efficiency, lambda _: 1)
        _titled(rates, f"{name}: images/s", several)
        _titled(shares, "efficiency in %", several)
        if has_parts:
            _titled(grid[2, column], "CPU ms per image", several)
            _stacks(grid[2, column], several[0])
    for row in grid[:2]:
        row[0].set_ylim(0, 1.08 * max(panel.dataLim.y1 for panel in row))
    if len(labels) > 1:
        _legend(figure, grid[0, 0], grid[-1, 0], below=0.7 if has_parts else 0.28, columns=1)
    if has_parts:
        _legend(figure, grid[-1, 0], grid[-1, 0], below=0.28, columns=4)
    return figure


def _titled(panel: Axes, title: str, lines: Sequence[Line]) -> None:
    panel.set_title(shortened([title], 44)[title], loc="left", fontsize=10, fontweight="bold")
    panel.tick_params(labelsize=9)
    panel.set_xlabel(lines[0].unit, fontsize=9)
    panel.yaxis.set_major_formatter(tick)


def _curves(
    panel: Axes,
    lines: Sequence[Line],
    labels: dict[str, str],
    value: Callable[[Scaling], float],
    ideal: Callable[[Scaling], float],
) -> None:
    """A line for each entry, and what is ``ideal`` as a multiple of the first point."""
    for each in lines:
        look, across = marker(each.position), [point.devices for point in each.points]
        first = value(each.points[0])
        panel.plot(
            across, [first * ideal(point) for point in each.points],
            color="gray", linewidth=1.0, linestyle="--",
        )  # fmt: skip
        panel.plot(
            across, [value(point) for point in each.points], color=look["color"],
            marker=look["marker"], linewidth=1.4, markersize=6, label=labels[each.label],
        )  # fmt: skip
    numbers = sorted({point.devices for each in lines for point in each.points})
    # Where there are many, the lower ones would lie on each other.
    panel.set_xticks([each for each in numbers if each == 1 or each >= numbers[-1] / 10])


def _stacks(panel: Axes, line: Line) -> None:
    """A bar for each number of workers."""
    points = [point for point in line.points if point.cpu_time]
    below = [0.0] * len(points)
    for part, name in enumerate(PARTS):
        look = style(part)
        heights = [1e3 * float(getattr(point.cpu_time, name)) for point in points]
        panel.bar(
            range(len(points)), heights, bottom=below, width=0.6, facecolor=look["color"],
            hatch=look["hatch"], edgecolor="white", linewidth=0, label=name,
        )  # fmt: skip
        below = [under + height for under, height in zip(below, heights, strict=True)]
    panel.set_xticks(range(len(points)), [str(point.devices) for point in points])


def _legend(figure: Figure, of: Axes, under: Axes, *, below: float, columns: int) -> None:
    """What is drawn in a panel, so many heights below another one, beside other legends there."""
    handles, names = of.get_legend_handles_labels()
    figure.legend(
        handles, names, loc="upper left", bbox_to_anchor=(0, -below),
        bbox_transform=under.transAxes, ncols=columns, frameon=False, fontsize=9,
    )  # fmt: skip
