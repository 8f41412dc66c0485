"""Pictures of bars: throughput, share of the peak, and where the time goes."""

from __future__ import annotations

from functools import partial
from statistics import median
from typing import TYPE_CHECKING

from tlbench.report.html.chart import MOST, Chart, left_out, panels, style, tick, two_lines
from tlbench.report.table import per_second, seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from matplotlib.figure import Figure

    from tlbench.compare.comparison import Comparison
    from tlbench.compare.entries import Entry

#: Height of a bar in inches: beside names of one line, and of two.
BAR, TALL_BAR = 0.26, 0.4


def _bar(labels: Iterable[str]) -> float:
    """Height of each bar beside such names."""
    return TALL_BAR if any("\n" in two_lines(text) for text in labels) else BAR


def throughput(comparison: Comparison, number: int) -> Chart:
    """A panel for each benchmark, a bar for each entry."""
    entries = comparison.entries[:MOST]
    bars = {
        name: [
            (position, entry.label, *_rate(entry, name))
            for position, entry in enumerate(entries)
            if entry.benchmarks.get(name)
        ]
        for name in comparison.cells
    }
    rows = tuple(
        (name, label, per_second(rate), per_second(low), per_second(high), str(len(runs)))
        for name, found in bars.items()
        for _, label, rate, low, high, runs in found
    )
    return Chart(
        name=f"throughput-{number}",
        title="Throughput",
        about="Images a second, longer is faster. The line at a bar's end goes from the slowest to "
        "the fastest run; of a single run, it is the interval of its rounds' median, where it has "
        "several.",
        headings=("benchmark", "entry", "images/s", "from", "to", "runs"),
        rows=rows,
        draw=partial(_draw_rates, {name: found for name, found in bars.items() if found}),
        notes=left_out(comparison.entries, MOST),
    )


Bar = tuple[int, str, float, float, float, list[float]]


def _rate(entry: Entry, benchmark: str) -> tuple[float, float, float, list[float]]:
    """Images a second, the ends of what is known of it, and each run's."""
    rates, rate = entry.rates(benchmark), entry.rate(benchmark)
    if len(rates) > 1:
        return rate, min(rates), max(rates), rates
    last = entry.benchmarks[benchmark][-1]
    if last.interval_s is None:
        return rate, rate, rate, rates
    soonest, latest = last.interval_s
    return rate, last.images / latest, last.images / soonest, rates


def _draw_rates(bars: dict[str, list[Bar]]) -> Figure:
    height = _bar(label for found in bars.values() for _, label, *_ in found)
    figure, axes = panels(list(bars), [height * len(found) for found in bars.values()])
    for number, (panel, found) in enumerate(zip(axes, bars.values(), strict=True)):
        for place, (position, _, rate, low, high, _) in enumerate(found):
            look = style(position)
            panel.barh(
                place, rate, height=0.74, facecolor=look["color"], hatch=look["hatch"],
                edgecolor="white", linewidth=0, gid=f"bar-{number}-{place}",
            )  # fmt: skip
            panel.plot([low, high], [place, place], color="gray", linewidth=1.6, marker="|")
            panel.annotate(
                per_second(rate),
                (max(rate, high), place), (6, 0), textcoords="offset points",
                va="center", fontsize=9,
            )  # fmt: skip
        panel.set_yticks(range(len(found)), [two_lines(text) for _, text, *_ in found])
        panel.set(
            ylim=(len(found) - 0.4, -0.6), xlim=(0, 1.16 * max(high for *_, high, _ in found))
        )
        panel.xaxis.set_major_formatter(tick)
    return figure


def peak(comparison: Comparison, number: int) -> Chart | None:
    """How much of the machine's fastest matrix multiply the network reaches; None if unknown."""
    found = [
        (position, entry.label, name, last.gflops_per_s, last.peak_gflops_per_s)
        for position, entry in enumerate(comparison.entries[:MOST])
        for name in comparison.cells
        if (rows := entry.benchmarks.get(name))
        and (last := rows[-1]).gflops_per_s
        and last.stage == "extract"
    ]
    if not found:
        return None
    figures = tuple(
        (label, name, f"{rate:,.0f}", f"{top:,.0f}" if top else "unknown",
         f"{rate / top:.0%}" if top else "unknown")
        for _, label, name, rate, top in found
    )  # fmt: skip
    return Chart(
        name=f"peak-{number}",
        title="Share of the hardware's peak",
        about="Of the latest run: arithmetic that extraction does in a second (bar), and the "
        "fastest float32 matrix multiply that this machine reached in the same minutes (frame). "
        "Where there is no frame, the peak isn't known.",
        headings=("entry", "benchmark", "GFLOP/s", "peak", "share"),
        rows=figures,
        draw=partial(_draw_peak, found),
        notes=left_out(comparison.entries, MOST),
    )


def _draw_peak(found: Sequence[tuple[int, str, str, float, float | None]]) -> Figure:
    height = 1.3 * _bar(label for _, label, *_ in found)
    figure, (panel,) = panels(["GFLOP/s"], [height * len(found)])
    for place, (position, _, _, rate, top) in enumerate(found):
        look = style(position)
        if top:
            panel.barh(place, top, height=0.8, facecolor="none", edgecolor="gray", linewidth=1.2)
        panel.barh(
            place, rate, height=0.56, facecolor=look["color"], hatch=look["hatch"],
            edgecolor="white", linewidth=0, gid=f"bar-0-{place}",
        )  # fmt: skip
        told = f"{rate / top:.0%}" if top else f"{rate:,.0f}"
        panel.annotate(
            told, (max(rate, top or 0), place), (6, 0), textcoords="offset points", va="center",
            fontsize=9,
        )  # fmt: skip
    panel.set_yticks(range(len(found)), [two_lines(text) for _, text, *_ in found])
    largest = max(max(rate, top or 0) for *_, rate, top in found)
    panel.set(ylim=(len(found) - 0.4, -0.6), xlim=(0, 1.12 * largest))
    panel.xaxis.set_major_formatter(tick)
    return figure


#: Parts of the job, and the benchmark whose rate says how long each takes.
PARTS = (
    ("model loading", None, ""),
    ("first call", None, ""),
    ("training, recomputed", "train (recompute)", "train_size"),
    ("evaluation", "evaluate", "test_size"),
)


def breakdown(comparison: Comparison, number: int) -> Chart | None:
    """Where the whole job's time goes, from the parts that were measured; None without these."""
    found = [
        (entry.label, parts, _whole(entry))
        for entry in comparison.entries[:MOST]
        if (parts := _parts(entry))
    ]
    if not found:
        return None
    rows = tuple(
        (label, name, seconds(taken))
        for label, parts, whole in found
        for name, taken in (*parts.items(), *([("whole job", whole)] if whole else []))
    )
    return Chart(
        name=f"breakdown-{number}",
        title="Where the time of the whole job goes",
        about="Seconds of the job's parts, each as its own benchmark measured it, beside the "
        "whole (line): model loading, first call, and the way from raw images to test accuracy as "
        "one benchmark measured it. Resizing and the network overlap within training and "
        "evaluation.",
        headings=("entry", "part", "time"),
        rows=rows,
        draw=partial(_draw_breakdown, found),
        notes=left_out(comparison.entries, MOST),
    )


def _parts(entry: Entry) -> dict[str, float]:
    last = {row.label: row for row in entry.last.rows}
    if "train (recompute)" not in last:
        return {}
    row = last["train (recompute)"]
    parts = {"model loading": row.load_s, "first call": row.first_call_s}
    for name, benchmark, size in PARTS:
        if benchmark in last:
            parts[name] = getattr(last[benchmark], size) / last[benchmark].images_per_s
    return parts


def _whole(entry: Entry) -> float | None:
    taken = [
        row.load_s + row.first_call_s + (row.median_s or row.images / row.images_per_s)
        for row in entry.last.rows
        if row.stage == "pipeline"
    ]
    return median(taken) if taken else None


def _draw_breakdown(found: Sequence[tuple[str, dict[str, float], float | None]]) -> Figure:
    height = 1.6 * _bar(label for label, *_ in found) * len(found)
    figure, (panel,) = panels(["seconds"], [height])
    for place, (_, parts, whole) in enumerate(found):
        start = 0.0
        for part, (name, _, _) in enumerate(PARTS):
            look, taken = style(part), parts.get(name, 0.0)
            panel.barh(
                place, taken, left=start, height=0.6, facecolor=look["color"], hatch=look["hatch"],
                edgecolor="white", linewidth=0, label=name if place == 0 else None,
            )  # fmt: skip
            start += taken
        if whole:
            panel.plot([whole] * 2, [place - 0.42, place + 0.42], color="gray", linewidth=2.2,
                       label="whole job" if place == 0 else None)  # fmt: skip
    panel.set_yticks(range(len(found)), [two_lines(text) for text, *_ in found])
    panel.set_ylim(len(found) - 0.4, -0.6)
    panel.legend(
        loc="upper left", bbox_to_anchor=(0, -0.25 / height), ncols=3,
        frameon=False, fontsize=9,
    )  # fmt: skip
    return figure
