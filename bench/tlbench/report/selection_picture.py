"""The outcome of ``tlbench select`` as a picture: accuracy against throughput."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tlbench.escapes import printable
from tlbench.report.html.chart import WIDTH, legend_below, marker, tick
from tlbench.report.pictures import drawing, write_picture
from tlbench.runs.model_name import short_name

if TYPE_CHECKING:
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tlbench.compare.selection import Selection

#: Endings of the files that can be written.
FORMS = ("svg", "png")
#: Height in inches.
HEIGHT = 4.6


def write_selection(selection: Selection, path: Path) -> None:
    """Write the picture as what the file's ending says, one of ``FORMS``."""
    with drawing():
        write_picture(_figure(selection), path.parent, path.stem, (path.suffix[1:].lower(),))


def _figure(selection: Selection) -> Figure:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(WIDTH, HEIGHT))
    axes = figure.add_subplot()
    _points(axes, selection)
    front = [each for each in selection.trials if each.candidate in selection.frontier]
    axes.plot(
        [each.images_per_s for each in front], [each.accuracy for each in front],
        color="gray", linewidth=1.2, zorder=1, label="frontier",
    )  # fmt: skip
    for each in front:
        size = f"{each.candidate.image_size}, {each.candidate.runtime}"
        axes.annotate(
            printable(size), (each.images_per_s, each.accuracy), fontsize=8,
            xytext=(5, 5), textcoords="offset points",
        )  # fmt: skip
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(tick)
    axes.xaxis.set_minor_formatter(tick)
    axes.tick_params(which="both", labelsize=9)
    axes.set_xlabel("images/s: further right is faster")
    axes.set_ylabel("cross-validated top-1 accuracy")
    legend_below([axes])
    return figure


def _points(axes: Axes, selection: Selection) -> None:
    """Every candidate with its interval, a colour per backbone; dropped ones are pale."""
    names = list(dict.fromkeys(each.candidate.model for each in selection.trials))
    for trial in selection.trials:
        position, (low, high) = (
            names.index(trial.candidate.model),
            selection.rule.interval(trial),
        )
        look = marker(position)
        axes.errorbar(
            trial.images_per_s, trial.accuracy,
            [[max(0, trial.accuracy - low)], [max(0, high - trial.accuracy)]],
            color=look["color"], marker=look["marker"], alpha=0.35 if trial.dropped else 1.0,
            markersize=7, capsize=3, linestyle="",
            label=printable(short_name(trial.candidate.model)),
        )  # fmt: skip
    if selection.best is not None:
        axes.plot(
            selection.best.images_per_s, selection.best.accuracy, label="best",
            marker="o", markersize=15, markerfacecolor="none", markeredgecolor="black",
            linestyle="",
        )  # fmt: skip
