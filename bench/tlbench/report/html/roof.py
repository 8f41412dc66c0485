"""The picture of rooflines: arithmetic per second against arithmetic per byte of memory traffic."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tlbench.report.html.chart import (
    MOST,
    Chart,
    marker,
    not_shown,
    panels,
    shortened,
    tick,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from matplotlib.figure import Figure

    from tlbench.compare.overview import Section
    from tlbench.compare.roofline import Roofline

#: How far the picture goes beyond the lowest and the highest of what it shows.
BEYOND = 3.0


def rooflines(section: Section, number: int) -> Chart | None:
    """What bounds each row on a GPU; None where no row has a memory bandwidth."""
    if not section.rooflines:
        return None
    entries = section.comparison.entries
    first, shown = next(iter(section.rooflines.items()))
    rows = tuple(
        (entries[i].label, name, *_texts(each))
        for name, several in section.rooflines.items()
        for i, each in several.items()
    )
    drawn = {i: (entries[i].label, each) for i, each in shown.items() if i < MOST}
    return Chart(
        name=f"roofline-{number}",
        title="What bounds it: the roofline",
        about=f"Of the latest run's benchmark {first}: arithmetic per second (mark) against "
        "arithmetic per byte that the network moves in the GPU's memory. The line is the most that "
        "is possible there: memory bandwidth where it rises, the fastest matrix multiply where it "
        "is flat, both measured in the same minutes. Below half of its line, a row is bound by "
        "overheads: launches, copies, resizing, Python, layers that are not fused. The data table "
        "has every benchmark that runs the network.",
        headings=(
            *("entry", "benchmark", "FLOP/byte", "GFLOP/s", "roof", "share", "peak", "precision"),
            *("GB/s at most", "bound by"),
        ),
        rows=rows,
        draw=partial(_draw, drawn),
        notes=not_shown(entries, MOST),
        folded=True,
    )


def _texts(each: Roofline) -> tuple[str, ...]:
    return (
        f"{each.intensity:,.1f}",
        f"{each.gflops_per_s:,.0f}",
        f"{each.roof(each.intensity):,.0f}",
        f"{each.share:.0%}",
        f"{each.peak:,.0f}",
        each.precision,
        f"{each.bandwidth:,.0f}",
        each.bound,
    )


def _draw(drawn: Mapping[int, tuple[str, Roofline]]) -> Figure:
    from matplotlib.ticker import NullFormatter

    figure, (panel,) = panels(["GFLOP/s"], [3.0])
    labels = shortened(label for label, _ in drawn.values())
    several = [each for _, each in drawn.values()]
    ends = [value for each in several for value in (each.intensity, each.ridge)]
    left, right = min(ends) / BEYOND, max(ends) * BEYOND
    for position, (label, each) in drawn.items():
        look = marker(position)
        across = [left, each.ridge, right]
        panel.plot(across, [each.roof(x) for x in across], color=look["color"], linewidth=1.4)
        panel.plot(
            [each.intensity], [each.gflops_per_s], color=look["color"], marker=look["marker"],
            markersize=8, linestyle="", label=labels[label],
        )  # fmt: skip
    panel.set(xscale="log", yscale="log", xlim=(left, right))
    panel.set_ylim(min(each.gflops_per_s for each in several) / BEYOND)
    panel.set_xlabel("FLOP per byte", fontsize=9)
    for axis in (panel.xaxis, panel.yaxis):
        axis.set_major_formatter(tick)
        axis.set_minor_formatter(NullFormatter())
    panel.legend(loc="upper left", bbox_to_anchor=(0, -0.14), frameon=False, fontsize=9)
    return figure
