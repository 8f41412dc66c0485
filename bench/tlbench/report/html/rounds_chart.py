"""The picture of every round, with those marked that something else disturbed."""

from __future__ import annotations

from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from tlbench.machine.disturbances import disturbances
from tlbench.machine.noise_sample import sample_of
from tlbench.report.html.chart import (
    COLOURS,
    MOST_LINES,
    PANEL,
    Chart,
    left_out,
    legend_below,
    marker,
    panels,
    short,
)
from tlbench.report.table import seconds
from tlbench.runs.read import ResultError, read_rows

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tlbench.compare.comparison import Comparison
    from tlbench.compare.entries import Entry
    from tlbench.runs.read import Row


def rounds(comparison: Comparison, number: int) -> Chart | None:
    """Every round of the latest runs, in order; None where files have none."""
    read = [(i, each.label, _rows(each)) for i, each in enumerate(comparison.entries[:MOST_LINES])]
    found = {name: series for name in comparison.cells if (series := list(_rounds(read, name)))}
    if not found:
        return None
    rows = tuple(
        (
            name,
            label,
            str(n + 1),
            "timed" if each["timed"] else "warm-up",
            seconds(each["seconds"]),
            "; ".join(_disturbed(each)),
        )
        for name, series in found.items()
        for _, label, several in series
        for n, each in enumerate(several)
    )
    return Chart(
        name=f"rounds-{number}",
        title="Every round",
        about="Rounds of the latest run of each entry in their order, as multiples of the median "
        "of the timed ones. Empty marks are warm-ups, which don't count. Flat is steady; rounds "
        "in a red ring were disturbed, by what is in the figures below.",
        headings=("benchmark", "entry", "round", "kind", "time", "disturbed"),
        rows=rows,
        draw=partial(_draw_rounds, found),
        notes=left_out(comparison.entries, MOST_LINES),
    )


Rounds = tuple[int, str, list[dict[str, Any]]]
#: Colour of the ring around a disturbed round.
RING = COLOURS[5]


def _disturbed(each: dict[str, Any]) -> tuple[str, ...]:
    """What disturbed a round; nothing where that wasn't watched."""
    sample = sample_of(each.get("noise"))
    return () if sample is None else disturbances(sample)


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
            _draw_entry(panel, position, short(label), several)
        panel.axhline(1, color="gray", linewidth=0.8, linestyle=":")
        panel.locator_params(axis="x", integer=True)
    legend_below(axes)
    return figure


def _draw_entry(panel: Axes, position: int, label: str, several: list[dict[str, Any]]) -> None:
    middle = median(each["seconds"] for each in several if each["timed"])
    values = [each["seconds"] / middle for each in several]
    look = marker(position)
    panel.plot(range(1, len(values) + 1), values, color=look["color"], linewidth=0.8, alpha=0.6)
    ring = {"marker": "o", "markersize": 11, "markerfacecolor": "none", "markeredgecolor": RING}
    marks = (
        ("timed", label, look | {"markersize": 5}),
        ("warm-up", None, look | {"markersize": 5, "markerfacecolor": "none"}),
        ("disturbed", "disturbed", ring),
    )
    for kind, name, shape in marks:
        chosen = [i for i, each in enumerate(several) if kind in _kinds(each)]
        if chosen:
            places, heights = [i + 1 for i in chosen], [values[i] for i in chosen]
            panel.plot(places, heights, linestyle="", label=name, **shape)


def _kinds(each: dict[str, Any]) -> set[str]:
    return {"timed" if each["timed"] else "warm-up"} | {"disturbed" for _ in _disturbed(each)}
