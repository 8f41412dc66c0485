"""What every picture of the report has: a drawing, its figures as a table, words, colours."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tlbench.escapes import printable
from tlbench.report.table import per_second

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Okabe and Ito's colours, which differ for people with any colour vision, on light and on dark.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#999999")
#: So that colour is never alone.
HATCHES = ("", "///", "...", "xxx", "\\\\\\", "ooo", "---")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
#: Entries that a picture has room for; the tables have all.
MOST = 12
#: Entries whose runs or rounds are drawn as lines.
MOST_LINES = 6
#: Height of a panel of lines, in inches.
PANEL = 1.25
#: Width of a picture in inches.
WIDTH = 7.6
#: Characters of a label in a picture.
LENGTH = 38


@dataclass(frozen=True)
class Chart:
    """A picture, how to read it, and the table of its figures.

    Attributes:
        name: Of its files and its place in the page.
        draw: Makes the picture; called within ``drawing()``.
        notes: What it shows in words, if anything, a line each.
    """

    name: str
    title: str
    about: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    draw: Callable[[], Figure]
    notes: tuple[str, ...] = ()


def not_shown(entries: Sequence[object], most: int) -> tuple[str, ...]:
    """A note on entries that a picture has no room for."""
    more = len(entries) - most
    return (f"Not shown, for lack of room: the last {more:,} of {len(entries):,} entries.",) * (
        more > 0
    )


def panels(titles: Sequence[str], heights: Sequence[float]) -> tuple[Figure, list[Axes]]:
    """A picture of panels below each other, of these heights in inches without title and ticks."""
    from matplotlib.figure import Figure

    room = 0.62
    figure = Figure(figsize=(WIDTH, sum(heights) + room * len(heights)))
    grid = figure.add_gridspec(
        len(heights), 1, height_ratios=list(heights), hspace=room * len(heights) / sum(heights)
    )
    axes = []
    for position, title in enumerate(titles):
        panel = figure.add_subplot(grid[position, 0])
        panel.set_title(short(title), loc="left", fontsize=10, fontweight="bold")
        panel.tick_params(labelsize=9)
        axes.append(panel)
    return figure, axes


def style(position: int) -> dict[str, str]:
    """Colour and hatch of the entry at a position."""
    return {"color": COLOURS[position % 7], "hatch": HATCHES[_turned(position)]}


def marker(position: int) -> dict[str, str]:
    """Colour and marker of the entry at a position."""
    return {"color": COLOURS[position % 7], "marker": MARKERS[_turned(position)]}


def _turned(position: int) -> int:
    """From the eighth entry on, colours come again with the next hatch and marker."""
    return (position + position // 7) % 7


def short(text: str, length: int = LENGTH) -> str:
    """A text from a file, in one line that fits: labels differ at their ends."""
    shown = printable(text)
    half = length // 2
    return shown if len(shown) <= length else f"{shown[: half - 1]}…{shown[-half:]}"


def two_lines(text: str) -> str:
    """A text from a file, in at most two lines."""
    lines = textwrap.wrap(short(text, 2 * LENGTH - 4), LENGTH, break_on_hyphens=False)
    return "\n".join(lines[:2])


def tick(value: float, _position: float) -> str:
    """A rate at an axis, without powers of ten."""
    return per_second(value)


def legend_below(axes: Sequence[Axes]) -> None:
    """One legend below the last panel, of everything that any panel has."""
    handles = {
        label: handle
        for panel in axes
        for handle, label in zip(*panel.get_legend_handles_labels(), strict=True)
    }
    axes[-1].legend(
        list(handles.values()), list(handles), loc="upper left", bbox_to_anchor=(0, -0.28),
        ncols=2, frameon=False, fontsize=9,
    )  # fmt: skip
