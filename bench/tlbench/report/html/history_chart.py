"""The picture of results over time, with the changes that lasted."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tlbench.report.history_text import commits_text, legends, notes
from tlbench.report.html.chart import (
    PANEL,
    Chart,
    legend_below,
    marker,
    panels,
    short,
    tick,
)
from tlbench.report.table import per_second

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from matplotlib.figure import Figure

    from tlbench.compare.history import History, Series
    from tlbench.compare.overview import Section

#: Points of a series that are drawn.
POINTS = 300
#: Least height of a panel, as a share of the middle: less would make steps of noise.
HEIGHT = 0.2


def history(section: Section, number: int) -> Chart | None:
    """Rates over time with change points; None where no entry has several runs."""
    shown = section.histories
    if not shown:
        return None
    names = list(dict.fromkeys(series.benchmark for each in shown for series in each.series))
    return Chart(
        name=f"history-{number}",
        title="Results over time",
        about="Images per second of every run. A dashed line is a significant change that lasted; "
        "each is listed below. Scales do not begin at 0.",
        headings=("benchmark", "entry", "measured", "images/s", "commit", "change"),
        rows=tuple(row for each in shown for row in _rows(each)),
        draw=partial(_draw, shown, names),
        notes=tuple(_notes(shown, section.more_histories)),
    )


def _notes(shown: Sequence[History], more: int) -> Iterator[str]:
    for each in shown:
        for line in notes(each):
            yield f"{each.entry.label}: {line}"
    judged = [series for each in shown for series in each.series if series.judged]
    if judged and not any(series.shifts for series in judged):
        yield "No significant change."
    yield from legends(shown)
    if more:
        yield f"Not shown: {more:,} more entries; tlbench history shows all."


def _rows(each: History) -> Iterator[tuple[str, ...]]:
    """Every run, the latest first."""
    for series in each.series:
        changes = {shift.change.index: shift for shift in series.shifts}
        for index, point in reversed(list(enumerate(series.points))):
            shift = changes.get(index)
            yield (
                series.benchmark,
                each.entry.label,
                f"{point.when:%Y-%m-%d %H:%M}",
                per_second(point.rate),
                point.commit or "-",
                f"{shift.change.ratio.value:.3f} times, {commits_text(shift)}" if shift else "",
            )


def _draw(shown: Sequence[History], names: Sequence[str]) -> Figure:
    figure, axes = panels(names, [PANEL] * len(names))
    for panel, name in zip(axes, names, strict=True):
        for position, each in enumerate(shown):
            for series in each.series:
                if series.benchmark == name:
                    _draw_series(panel, series, position, each.entry.label)
        low, high = panel.get_ylim()
        room = max(0.0, HEIGHT * (low + high) / 2 - (high - low)) / 2
        panel.set_ylim(max(0, low - room), high + room)
        panel.yaxis.set_major_formatter(tick)
        _dates(panel, year=panel is axes[-1])
    legend_below(axes)
    return figure


def _draw_series(panel: Any, series: Series, position: int, label: str) -> None:  # noqa: ANN401 - axes
    """A line, and a dashed one at each change."""
    look = marker(position)
    drawn = _thinned(series)
    panel.plot(
        [series.points[i].when for i in drawn], [series.points[i].rate for i in drawn],
        color=look["color"], marker=look["marker"], markersize=3.5, linewidth=0.9,
        label=short(label),
    )  # fmt: skip
    for shift in series.shifts:
        panel.axvline(shift.after.when, color=look["color"], linewidth=1.2, linestyle="--")


def _thinned(series: Series) -> list[int]:
    """Positions of at most about ``POINTS`` points, at even distances, with those at changes."""
    count = len(series.points)
    step = max(1, -(-count // POINTS))
    beside = [i for shift in series.shifts for i in (shift.change.index - 1, shift.change.index)]
    return sorted({*range(0, count, step), *beside, count - 1})


def _dates(panel: Any, *, year: bool) -> None:  # noqa: ANN401 - axes
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    form = ConciseDateFormatter(locator, show_offset=year)  # type: ignore[no-untyped-call]
    panel.xaxis.set_major_locator(locator)
    panel.xaxis.set_major_formatter(form)
