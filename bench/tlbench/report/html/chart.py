"""What every picture of the report has: a drawing, its figures as a table, words, colours."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from itertools import count, pairwise
from os.path import commonprefix
from typing import TYPE_CHECKING

from tlbench.escapes import printable
from tlbench.report.table import per_second

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

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
#: Characters of a label beside a bar in one line and in two, and of a label in a legend.
LENGTH, DOUBLE, LONG = 38, 80, 108


@dataclass(frozen=True)
class Chart:
    """A picture, how to read it, and the table of its figures.

    Attributes:
        name: Of its files and its place in the page.
        draw: Makes the picture; called within ``drawing()``.
        notes: What it shows in words, if anything, a line each.
        folded: Whether the page shows it only where somebody opens it.
    """

    name: str
    title: str
    about: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    draw: Callable[[], Figure]
    notes: tuple[str, ...] = ()
    folded: bool = False


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
        panel.set_title(shortened([title])[title], loc="left", fontsize=10, fontweight="bold")
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


def shortened(labels: Iterable[str], length: int = LONG) -> dict[str, str]:
    """Labels from files in one line that fits, by label: cut where they differ from no other."""
    texts = {label: printable(label) for label in labels}
    return {
        label: _cut(text, (_alike(text, other) for other in texts.values()), length)
        for label, text in texts.items()
    }


def _alike(text: str, other: str) -> int:
    """How many letters two texts begin with alike."""
    return len(commonprefix((text, other)))  # noqa: RUF071 - letters, not folders


def _cut(text: str, starts: Iterable[int], length: int) -> str:
    """A text without the end of the longest part between places where it starts to differ."""
    if len(text) <= length:
        return text
    begin, end = max(pairwise(sorted({0, *starts, len(text)})), key=lambda part: part[1] - part[0])
    rest = text[: max(begin + 1, end - (len(text) + 1 - length))] + "…" + text[end:]
    half = length // 2
    return rest if len(rest) <= length else f"{rest[: half - 1]}…{rest[-half:]}"


def two_lines(labels: Iterable[str]) -> list[str]:
    """Labels from files, each in at most two lines, of much the same length."""
    labels = list(labels)
    texts = shortened(labels, DOUBLE)
    return [_wrapped(texts[label]) for label in labels]


def _wrapped(text: str) -> str:
    if len(text) <= LENGTH:
        return text
    several = (
        textwrap.wrap(text, width, break_on_hyphens=False, break_long_words=False)
        for width in count(len(text) // 2)
    )
    return "\n".join(next(lines for lines in several if len(lines) <= 2))


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
        ncols=1 if any(len(label) > LENGTH for label in handles) else 2, frameon=False, fontsize=9,
    )  # fmt: skip
