"""Pictures of bars: throughput, share of the peak, and where the time goes."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from tlbench.compare.latest import PARTS
from tlbench.report.html.chart import MOST, Chart, not_shown, panels, style, tick, two_lines
from tlbench.report.table import per_second, seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tlbench.compare.comparison import Cell, Comparison
    from tlbench.compare.latest import Breakdown
    from tlbench.compare.overview import Section

#: Height of a bar in inches: beside names of one line, and of two.
BAR, TALL_BAR = 0.26, 0.4
#: An entry's position, its label, and what is drawn of it.
Bar = tuple[int, str, "Cell"]


def throughput(comparison: Comparison, number: int) -> Chart:
    """A panel for each benchmark, a bar for each entry."""
    bars = {name: _bars(comparison, name) for name in comparison.cells}
    rows = tuple(
        (
            *(name, label, per_second(cell.rate), per_second(cell.low), per_second(cell.high)),
            str(len(cell.rates)),
        )
        for name, several in bars.items()
        for _, label, cell in several
    )
    return Chart(
        name=f"throughput-{number}",
        title="Throughput",
        about="Images per second; longer is faster. The line at the end of a bar goes from the "
        "slowest to the fastest run. For a single run, it is the interval of the median of its "
        "rounds.",
        headings=("benchmark", "entry", "images/s", "from", "to", "runs"),
        rows=rows,
        draw=partial(_draw_rates, {name: several for name, several in bars.items() if several}),
        notes=not_shown(comparison.entries, MOST),
        folded=True,
    )


def _bars(comparison: Comparison, benchmark: str) -> list[Bar]:
    cells = comparison.cells[benchmark][:MOST]
    return [
        (i, comparison.entries[i].label, cell) for i, cell in enumerate(cells) if cell is not None
    ]


def _draw_rates(bars: Mapping[str, Sequence[Bar]]) -> Figure:
    height = _height(label for several in bars.values() for _, label, _ in several)
    figure, axes = panels(list(bars), [height * len(several) for several in bars.values()])
    for number, (panel, several) in enumerate(zip(axes, bars.values(), strict=True)):
        for place, (position, _, cell) in enumerate(several):
            _draw_bar(panel, (number, place), position, cell.rate, 0.74)
            panel.plot([cell.low, cell.high], [place] * 2, color="gray", linewidth=1.6, marker="|")
            _note(panel, place, max(cell.rate, cell.high), per_second(cell.rate))
        longest = max(cell.high for _, _, cell in several)
        _finish(panel, [label for _, label, _ in several], 1.16 * longest)
    return figure


def peak(comparison: Comparison, number: int) -> Chart | None:
    """How close extraction comes to the device's fastest matrix multiply; None if unknown."""
    bars = [
        each
        for name in comparison.cells
        for each in _bars(comparison, name)
        if each[2].last.stage == "extract" and each[2].last.gflops_per_s
    ]
    if not bars:
        return None
    # CPUs' peaks are of float32: other precisions may exceed it, so a share would mislead.
    own = all(cell.last.has_own_peak for _, _, cell in bars)
    kinds = {cell.last.peak_precision for _, _, cell in bars} - {None, "fp32"}
    return Chart(
        name=f"peak-{number}",
        title="Share of the hardware's peak"
        if own
        else f"Compared with the {'' if kinds else 'float32 '}matrix-multiply peak",
        about="Of the latest run: arithmetic of extraction per second (bar), and the fastest "
        f"{'matrix multiply' if kinds else 'float32 matrix multiply'} of this machine in the same "
        f"minutes (frame){', on GPUs in the precision of the row' if kinds else ''}. Without a "
        "frame, the peak is not known.",
        headings=("entry", "benchmark", "GFLOP/s", "peak", "share" if own else "times the peak"),
        rows=tuple(
            (label, cell.last.label, *_peak_texts(cell, own=own)) for _, label, cell in bars
        ),
        draw=partial(_draw_peak, bars, own=own),
        notes=not_shown(comparison.entries, MOST),
        folded=True,
    )


def _peak_texts(cell: Cell, *, own: bool) -> tuple[str, str, str]:
    """Arithmetic per second, the device's peak with its precision, and the share of it.

    ``own`` says whether all peaks are of the precision that they stand beside.
    """
    last = cell.last
    top, part = last.peak_gflops_per_s, last.peak_fraction
    kind = f" ({last.peak_precision})" if last.peak_precision not in (None, "fp32") else ""
    return (
        f"{last.gflops_per_s:,.0f}",
        "unknown" if top is None else f"{top:,.0f}{kind}",
        "unknown" if part is None else f"{part:.0%}" if own else f"{part:.2f} x",
    )


def _draw_peak(bars: Sequence[Bar], *, own: bool) -> Figure:
    height = 1.3 * _height(label for _, label, _ in bars)
    figure, (panel,) = panels(["GFLOP/s"], [height * len(bars)])
    longest = 0.0
    for place, (position, _, cell) in enumerate(bars):
        rate, top = cell.last.gflops_per_s or 0.0, cell.last.peak_gflops_per_s
        if top:
            panel.barh(place, top, height=0.8, facecolor="none", edgecolor="gray", linewidth=1.2)
        _draw_bar(panel, (0, place), position, rate, 0.56)
        alone, _, part = _peak_texts(cell, own=own)
        _note(panel, place, max(rate, top or 0), part if top else alone)
        longest = max(longest, rate, top or 0)
    _finish(panel, [label for _, label, _ in bars], 1.12 * longest)
    return figure


def breakdown(section: Section, number: int) -> Chart | None:
    """Where the whole job's time goes, from the parts that were measured; None without these."""
    entries = section.comparison.entries
    parts = {entries[i].label: each for i, each in section.breakdowns.items() if i < MOST}
    if not parts:
        return None
    rows = tuple(
        (label, name, seconds(part))
        for label, each in parts.items()
        for name, part in (
            *each.parts.items(),
            *([("whole job with loading", each.whole)] if each.whole else []),
        )
    )
    return Chart(
        name=f"breakdown-{number}",
        title="Where the time of the whole job with loading goes",
        about="Seconds of each part of the job, measured by the part's own benchmark, and of the "
        "whole job (line): model loading, first call, and the way from raw images to test "
        "accuracy. In training and evaluation, resizing and the network run at the same time. "
        "Parts are measured separately, so their sum may differ from the whole job.",
        headings=("entry", "part", "time"),
        rows=rows,
        draw=partial(_draw_breakdown, parts),
        notes=not_shown(entries, MOST),
    )


def _draw_breakdown(parts: Mapping[str, Breakdown]) -> Figure:
    height = 1.6 * _height(parts) * len(parts)
    figure, (panel,) = panels(["seconds"], [height])
    for place, each in enumerate(parts.values()):
        start = 0.0
        for part, (name, _, _) in enumerate(PARTS):
            look, length = style(part), each.parts.get(name, 0.0)
            panel.barh(
                place, length, left=start, height=0.6, facecolor=look["color"], hatch=look["hatch"],
                edgecolor="white", linewidth=0, label=name if place == 0 else None,
            )  # fmt: skip
            start += length
        if each.whole:
            panel.plot([each.whole] * 2, [place - 0.42, place + 0.42], color="gray", linewidth=2.2,
                       label="whole job with loading" if place == 0 else None)  # fmt: skip
    panel.set_yticks(range(len(parts)), two_lines(parts))
    panel.set_ylim(len(parts) - 0.4, -0.6)
    panel.legend(
        loc="upper left", bbox_to_anchor=(0, -0.25 / height), ncols=3,
        frameon=False, fontsize=9,
    )  # fmt: skip
    return figure


def _height(labels: Iterable[str]) -> float:
    """Height of each bar beside such names."""
    return TALL_BAR if any("\n" in text for text in two_lines(labels)) else BAR


def _draw_bar(
    panel: Axes, place: tuple[int, int], position: int, length: float, height: float
) -> None:
    """A bar, by its panel's number and its place there, in the look of an entry's position."""
    look = style(position)
    panel.barh(
        place[1], length, height=height, facecolor=look["color"], hatch=look["hatch"],
        edgecolor="white", linewidth=0, gid=f"bar-{place[0]}-{place[1]}",
    )  # fmt: skip


def _note(panel: Axes, place: int, end: float, text: str) -> None:
    """A text behind a bar."""
    panel.annotate(text, (end, place), (6, 0), textcoords="offset points", va="center", fontsize=9)


def _finish(panel: Axes, labels: Sequence[str], longest: float) -> None:
    """Names of bars, and axes from 0 to the longest."""
    panel.set_yticks(range(len(labels)), two_lines(labels))
    panel.set(ylim=(len(labels) - 0.4, -0.6), xlim=(0, longest))
    panel.xaxis.set_major_formatter(tick)
