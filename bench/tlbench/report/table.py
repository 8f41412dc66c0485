"""The table at the end of a run; how figures are printed everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table

from tlbench.compare.roofline import roofline
from tlbench.report.text import plain, rendered, sentence

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

    from tlbench.runs.read import Benchmark
    from tlbench.runs.row import Row


HEADINGS = ("stage", "images/s", "median", "interval", "n", "top-1", "floor", "peak", "timing")


def result_table(benchmarks: Sequence[Benchmark], not_measured: Mapping[str, str]) -> list[str]:
    """Lines of at most 80 characters; ``not_measured`` has reasons by benchmark without a row."""
    rows = [each.row for each in benchmarks]
    lines = lines_of(HEADINGS, map(cells, benchmarks), right=range(1, len(HEADINGS) - 1))
    parts = (
        *(_peak, _memory, _scaling, _decoding, _targets),
        *(_costs, _accuracy, _throttled, _reasons),
    )
    texts = dict.fromkeys(text for part in parts for row in rows for text in part(row))
    missing = [f"{name}: not measured: {reason}" for name, reason in not_measured.items()]
    return [*lines, *(line for text in (*texts, *missing) for line in sentence(text))]


def cells(benchmark: Benchmark) -> tuple[str, ...]:
    """A benchmark's texts in the order of ``HEADINGS``."""
    row = benchmark.row
    return (
        row.label,
        per_second(row.images_per_s),
        "-" if row.median_s is None else seconds(row.median_s),
        interval(row),
        str(len(benchmark.stats.data)),
        share(row.accuracy),
        share(row.accuracy_floor),
        gigabytes(row.peak_rss_bytes),
        row.timing or "-",
    )


def _peak(row: Row) -> Iterator[str]:
    """How close the network came to the device's matrix-multiply peak of the same minutes."""
    if row.gflops_per_s:
        part, peak, kind = row.peak_fraction, row.peak_gflops_per_s, row.peak_precision
        known = ""
        if part:
            known = f", {100 * part:.0f} % of the machine's matrix-multiply peak of {peak:,.0f}"
            known += f" in {kind}" if kind not in (None, "fp32") else ""
        yield f"{row.label}: {row.gflops_per_s:,.0f} GFLOP/s{known}"


def _memory(row: Row) -> Iterator[str]:
    """How close the network came to the GPU's memory bandwidth, and what bounds it."""
    limits = roofline(row)
    if limits and row.bytes_per_image and row.bandwidth_fraction:
        moved = f"{row.bytes_per_image / 1e6:.3g} MB per image"
        part = f"{100 * row.bandwidth_fraction:.0f} % of the memory bandwidth of "
        yield (
            f"{row.label}: {moved}, {part}{row.bandwidth_gb_per_s:,.0f} GB/s; "
            f"bound by {limits.bound}, {100 * limits.share:.0f} % of the roof"
        )


def _throttled(row: Row) -> Iterator[str]:
    """How many rounds don't count since heat or power held a GPU's clock down."""
    left_out = [each for each in row.rounds or () if each.throttled and not each.timed]
    if left_out:
        count = len(left_out) + sum(each.timed for each in row.rounds or ())
        why = dict.fromkeys(text for each in left_out for text in each.throttled or ())
        yield f"{row.label}: {len(left_out)} of {count} rounds do not count: {', '.join(why)}"


def _scaling(row: Row) -> Iterator[str]:
    """What more GPUs or workers gain, and where the time of the most workers went."""
    parts = [
        f"{each.devices} {scaled(row)}{'s' * (each.devices > 1)}: "
        f"{per_second(each.images_per_s)} images/s ({100 * each.efficiency:.0f} %)"
        for each in row.scaling or ()
    ]
    if parts:
        yield f"{row.label} on {', '.join(parts)}"
    for each in (row.scaling or ())[-1:]:
        if each.cpu_time and each.start_s:
            shares = ", ".join(f"{name} {100 * part:.0f} %" for name, part in each.shares.items())
            yield (
                f"{row.label}: CPU time of {each.devices} workers: {shares}; started in "
                f"{seconds(each.start_s)}"
            )


def scaled(row: Row) -> str:
    """What a row's scaling counts."""
    return "worker" if row.stage == "scaling" else "GPU"


def _targets(row: Row) -> Iterator[str]:
    """Time to higher accuracies, or how near the best that was tried comes."""
    for each in row.further_targets or ():
        how, target = f"{each.model} at {each.image_size} pixels", _percent(each.target)
        if each.seconds is None:
            yield (
                f"{row.label}: no recipe reaches {target}; the best that was tried, {how}, "
                f"reaches {_percent(each.held_out)} on held-out training images"
            )
        else:
            yield f"{row.label}: {target} in {seconds(each.seconds)} by {how}"


def _percent(accuracy: float) -> str:
    return f"{100 * accuracy:.4g} %"


def _decoding(row: Row) -> Iterator[str]:
    """How fast files were decoded, in their own units, and by what."""
    if row.megabytes_per_s and row.megapixels_per_s:
        rates = f"{per_second(row.megabytes_per_s)} MB/s, {per_second(row.megapixels_per_s)}"
        yield f"{row.label}: {rates} megapixels/s by {row.decoder}"


def _costs(row: Row) -> Iterator[str]:
    """Energy per image and cost per million images, where they are known."""
    parts = [_joules(row)] if row.joules_per_image else []
    if row.cost_per_million_images:
        parts.append(f"{row.cost_per_million_images:.3g} per million images")
    if parts:
        yield f"{row.label}: {', '.join(parts)}"


def _joules(row: Row) -> str:
    """Energy per image, above which idle power, and by whose counters."""
    text = f"{row.joules_per_image:.3g} J per image"
    if row.idle_power_w is not None:
        text += f" above {row.idle_power_w:.0f} W of the idle machine"
    return f"{text} ({row.energy_source})" if row.energy_source else text


def _accuracy(row: Row) -> Iterator[str]:
    """What a lower precision costs in accuracy: the same for all rows of a run."""
    if row.accuracy_kept is not None:
        part = f"{100 * row.accuracy_kept:.1f} %"
        yield f"{row.precision}: {part} of the accuracy of single precision"


def _reasons(row: Row) -> Iterator[str]:
    """Why its timing isn't steady."""
    yield from (f"{row.label}: {reason}" for reason in (row.noise.reasons if row.noise else ()))


def interval(row: Row) -> str:
    """The ends of the median's interval in percent of the median, or a dash for one round."""
    if not row.interval_s or not row.median_s:
        return "-"
    return "/".join(f"{end / row.median_s - 1:+.0%}" for end in row.interval_s)


def per_second(value: float) -> str:
    """A rate as printed everywhere: three digits, or all before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def seconds(value: float) -> str:
    """A duration with three digits and its unit."""
    for unit, scale in (("s", 1.0), ("ms", 1e3)):
        if value * scale >= 1:
            return f"{value * scale:.3g} {unit}" if value * scale < 1000 else f"{value:.0f} {unit}"
    return f"{value * 1e6:.3g} µs"


def times(value: float) -> str:
    """A ratio as printed everywhere: three digits, or all before the point."""
    return f"{value:.2f}" if value < 10 else f"{value:,.1f}" if value < 100 else f"{value:,.0f}"


def gigabytes(value: int | None) -> str:
    """A memory peak in GB, or a dash."""
    return "-" if value is None else f"{value / 1e9:.2f}G"


def share(value: float | None) -> str:
    """An accuracy as printed everywhere: 0 to 1 with four digits, or a dash."""
    return "-" if value is None else f"{value:.4f}"


def lines_of(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Collection[int] = ()
) -> list[str]:
    """A plain table as lines of at most 80 characters; only texts of the first column are broken.

    ``right`` are columns aligned so.
    """
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="")
    for i, heading in enumerate(headings):
        # Texts of the first column are whole, so that no two look the same.
        table.add_column(
            heading,
            justify="right" if i in right else "left",
            no_wrap=i > 0,
            overflow="ellipsis" if i else "fold",
        )
    for row in rows:
        table.add_row(*map(plain, row))
    return rendered(table)
