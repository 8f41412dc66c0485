"""Pictures of lines: results over time, and every round."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tlbench.report.history_text import commits_text, legends, notes
from tlbench.report.html.chart import (
    COLOURS,
    MOST_LINES,
    PANEL,
    Chart,
    legend_below,
    marker,
    not_shown,
    panels,
    shortened,
    tick,
)
from tlbench.report.table import per_second, seconds

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tlbench.compare.history import History, Series
    from tlbench.compare.latest import TimedRound
    from tlbench.compare.overview import Section

#: Points of a series that are drawn.
POINTS = 300
#: Least height of a panel, as a share of the middle: less would make steps of noise.
HEIGHT = 0.2
#: Around a disturbed round.
RING = {
    "marker": "o", "markersize": 11, "markerfacecolor": "none", "markeredgecolor": COLOURS[5],
}  # fmt: skip


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
        folded=not any(series.shifts for each in shown for series in each.series),
    )


def _notes(shown: Sequence[History], more: int) -> Iterator[str]:
    days = [run.when for each in shown for run in each.entry.runs]
    yield f"Runs from {min(days):%Y-%m-%d} to {max(days):%Y-%m-%d}."
    for each in shown:
        for line in notes(each):
            yield f"{each.entry.label}: {line}"
    judged = [series for each in shown for series in each.series if series.judged]
    if judged and not any(series.shifts for series in judged):
        yield "No significant change."
    yield from legends(shown)
    if more:
        entries = "entry" if more == 1 else "entries"
        yield f"Not shown: {more:,} more {entries}; tlbench history shows all."


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
    labels = shortened(each.entry.label for each in shown)
    for panel, name in zip(axes, names, strict=True):
        for position, each in enumerate(shown):
            for series in each.series:
                if series.benchmark == name:
                    _draw_series(panel, series, position, labels[each.entry.label])
        low, high = panel.get_ylim()
        room = max(0.0, HEIGHT * (low + high) / 2 - (high - low)) / 2
        panel.set_ylim(max(0, low - room), high + room)
        panel.yaxis.set_major_formatter(tick)
        _dates(panel)
    legend_below(axes)
    return figure


def _draw_series(panel: Any, series: Series, position: int, label: str) -> None:  # noqa: ANN401 - axes
    """A line, and a dashed one at each change."""
    look = marker(position)
    drawn = _thinned(series)
    panel.plot(
        [series.points[i].when for i in drawn], [series.points[i].rate for i in drawn],
        color=look["color"], marker=look["marker"], markersize=3.5, linewidth=0.9,
        label=label,
    )  # fmt: skip
    for shift in series.shifts:
        panel.axvline(shift.after.when, color=look["color"], linewidth=1.2, linestyle="--")


def _thinned(series: Series) -> list[int]:
    """Positions of at most about ``POINTS`` points, at even distances, with those at changes."""
    count = len(series.points)
    step = max(1, -(-count // POINTS))
    beside = [i for shift in series.shifts for i in (shift.change.index - 1, shift.change.index)]
    return sorted({*range(0, count, step), *beside, count - 1})


def _dates(panel: Any) -> None:  # noqa: ANN401 - axes
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator()  # type: ignore[no-untyped-call]
    form = ConciseDateFormatter(locator, show_offset=False)  # type: ignore[no-untyped-call]
    panel.xaxis.set_major_locator(locator)
    panel.xaxis.set_major_formatter(form)


def rounds(section: Section, number: int) -> Chart | None:
    """Every round of the latest runs, in order; None where files have none."""
    entries = section.comparison.entries
    shown = {
        name: {entries[i].label: (i, each) for i, each in series.items() if i < MOST_LINES}
        for name, series in section.rounds.items()
    }
    if not any(shown.values()):
        return None
    rows = tuple(
        (
            *(name, label, str(n), each.kind),
            *(seconds(each.seconds), "; ".join(each.disturbances)),
        )
        for name, series in shown.items()
        for label, (_, several) in series.items()
        for n, each in enumerate(several, start=1)
    )
    return Chart(
        name=f"rounds-{number}",
        title="Every round",
        about="Rounds of each entry's latest run in their order, as multiples of the median of the "
        f"timed ones. Hollow marks are {_hollow(shown)}, which do not count. A flat line is "
        "steady. Something else disturbed the rounds in a red ring; the data table says what.",
        headings=("benchmark", "entry", "round", "kind", "time", "disturbed by"),
        rows=rows,
        draw=partial(_draw_rounds, {name: series for name, series in shown.items() if series}),
        notes=not_shown(entries, MOST_LINES),
        folded=True,
    )


def _hollow(shown: Mapping[str, Mapping[str, tuple[int, Sequence[TimedRound]]]]) -> str:
    """Which kinds of rounds there are that don't count."""
    kinds = {
        each.kind for series in shown.values() for _, several in series.values() for each in several
    }
    if "throttled" not in kinds:
        return "warm-up rounds"
    return "warm-up rounds, and rounds in which heat or power held a GPU's clock down"


def _draw_rounds(shown: Mapping[str, Mapping[str, tuple[int, Sequence[TimedRound]]]]) -> Figure:
    figure, axes = panels(list(shown), [PANEL] * len(shown))
    labels = shortened(dict.fromkeys(label for series in shown.values() for label in series))
    for panel, series in zip(axes, shown.values(), strict=True):
        for label, (position, several) in series.items():
            _draw_round_marks(panel, position, labels[label], several)
        panel.axhline(1, color="gray", linewidth=0.8, linestyle=":")
        panel.locator_params(axis="x", integer=True)
    legend_below(axes)
    return figure


def _draw_round_marks(
    panel: Axes, position: int, label: str, several: Sequence[TimedRound]
) -> None:
    look = marker(position)
    panel.plot(
        range(1, len(several) + 1), [each.relative for each in several], color=look["color"],
        linewidth=0.8, alpha=0.6,
    )  # fmt: skip
    for name, shape, chosen in (
        (label, look | {"markersize": 5}, [each.kind == "timed" for each in several]),
        (None, look | {"markersize": 5, "markerfacecolor": "none"},
         [each.kind != "timed" for each in several]),
        ("disturbed", RING, [bool(each.disturbances) for each in several]),
    ):  # fmt: skip
        points = [(n, each.relative) for n, each in enumerate(several, start=1) if chosen[n - 1]]
        if points:
            panel.plot(*zip(*points, strict=True), linestyle="", label=name, **shape)
