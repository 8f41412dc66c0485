"""The picture of every round, with a ring around those that something else disturbed."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tlbench.report.html.chart import (
    COLOURS,
    MOST_LINES,
    PANEL,
    Chart,
    legend_below,
    marker,
    not_shown,
    panels,
    short,
)
from tlbench.report.table import seconds

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tlbench.compare.latest import TimedRound
    from tlbench.compare.overview import Section

#: Around a disturbed round.
RING = {
    "marker": "o", "markersize": 11, "markerfacecolor": "none", "markeredgecolor": COLOURS[5],
}  # fmt: skip


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
            *(name, label, str(n), "timed" if each.timed else "warm-up"),
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
        "timed ones. Hollow marks are warm-up rounds, which do not count. A flat line is steady. "
        "Something else disturbed the rounds in a red ring; the figures below say what.",
        headings=("benchmark", "entry", "round", "kind", "time", "disturbed by"),
        rows=rows,
        draw=partial(_draw, {name: series for name, series in shown.items() if series}),
        notes=not_shown(entries, MOST_LINES),
    )


def _draw(shown: Mapping[str, Mapping[str, tuple[int, Sequence[TimedRound]]]]) -> Figure:
    figure, axes = panels(list(shown), [PANEL] * len(shown))
    for panel, series in zip(axes, shown.values(), strict=True):
        for label, (position, several) in series.items():
            _draw_entry(panel, position, short(label), several)
        panel.axhline(1, color="gray", linewidth=0.8, linestyle=":")
        panel.locator_params(axis="x", integer=True)
    legend_below(axes)
    return figure


def _draw_entry(panel: Axes, position: int, label: str, several: Sequence[TimedRound]) -> None:
    look = marker(position)
    panel.plot(
        range(1, len(several) + 1), [each.relative for each in several], color=look["color"],
        linewidth=0.8, alpha=0.6,
    )  # fmt: skip
    for name, shape, chosen in (
        (label, look | {"markersize": 5}, [each.timed for each in several]),
        (None, look | {"markersize": 5, "markerfacecolor": "none"},
         [not each.timed for each in several]),
        ("disturbed", RING, [bool(each.disturbances) for each in several]),
    ):  # fmt: skip
        points = [(n, each.relative) for n, each in enumerate(several, start=1) if chosen[n - 1]]
        if points:
            panel.plot(*zip(*points, strict=True), linestyle="", label=name, **shape)
