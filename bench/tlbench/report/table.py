"""The table at the end of a run, readable at 80 columns."""

from __future__ import annotations

import textwrap
from statistics import median
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from tlbench.report.text import WIDTH, rendered

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from tlbench.runs.read import Row


def result_table(rows: Sequence[Row], not_measured: Mapping[str, str]) -> list[str]:
    """Lines of at most 80 characters.

    Args:
        rows: What was measured.
        not_measured: Reason by benchmark, for those that have no row.
    """
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="")
    table.add_column("stage")
    for heading in ("images/s", "median", "interval", "n", "top-1", "floor", "peak"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict")
    for row in rows:
        table.add_row(*cells(row))
    lines = rendered(table)
    lines += [
        line
        for row in rows
        if row.info.get("gflops_per_s")
        for line in rendered(share_of_peak(row))
    ]
    lines += [line for row in rows for line in energy_and_cost(row)]
    lines += list(dict.fromkeys(line for row in rows for line in accuracy_kept(row)))
    for row in rows:
        for reason in row.info.get("noise", {}).get("reasons", []):
            lines += rendered(Text(f"{row.label}: {reason}"))
    for name, reason in not_measured.items():
        lines += rendered(Text(f"{name}: not measured: {reason}"))
    return lines


def cells(row: Row) -> tuple[str, ...]:
    """A row's entries in the order of the table's columns."""
    info = row.info
    return (
        row.label,
        f"{info['images_per_s']:,.0f}",
        seconds(median(row.seconds)),
        interval(row),
        str(len(row.seconds)),
        share(info.get("accuracy")),
        share(info.get("accuracy_floor")),
        gigabytes(info["peak_rss_bytes"]),
        info.get("noise", {}).get("verdict", "-"),
    )


def energy_and_cost(row: Row) -> list[str]:
    """What an image takes in energy, and a million in money, where that is known."""
    joules, cost = row.info.get("joules_per_image"), row.info.get("cost_per_million_images")
    parts = [f"{joules:.3g} J an image"] if joules else []
    parts += [f"{cost:.3g} for a million images"] if cost else []
    return [f"{row.label}: {', '.join(parts)}"] if parts else []


def accuracy_kept(row: Row) -> list[str]:
    """What a lower precision keeps of single precision's accuracy: the same for all of a run."""
    kept = row.info.get("accuracy_kept")
    if kept is None:
        return []
    return [f"{row.info['precision']}: keeps {kept:.1%} of the accuracy of single precision"]


def share_of_peak(row: Row) -> Text:
    """How close a stage came to this machine's matrix-multiply peak of the same minutes."""
    rate, peak = row.info["gflops_per_s"], row.info["peak_gflops_per_s"]
    share = f", {rate / peak:.0%} of the {peak:,.0f} of an fp32 matrix multiply" if peak else ""
    return Text(f"{row.label}: {rate:,.0f} GFLOP/s{share}")


def interval(row: Row) -> str:
    """The ends of the median's interval in percent of the median, or a dash for one round."""
    ends = row.info.get("interval_s")
    if not ends:
        return "-"
    middle = median(row.seconds)
    return "/".join(f"{end / middle - 1:+.0%}" for end in ends)


def wrapped(text: str, width: int = WIDTH) -> list[str]:
    """A text as lines, at least one; all but the first are indented."""
    return textwrap.wrap(text, width, subsequent_indent="  ", break_on_hyphens=False) or [""]


def indented(text: str) -> list[str]:
    """As ``wrapped``, two columns to the right."""
    return [f"  {line}" for line in wrapped(text, WIDTH - 2)]


def per_second(value: float) -> str:
    """A rate as printed everywhere: three digits, or all before the point."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def seconds(value: float) -> str:
    """A duration with three digits and its unit."""
    for unit, scale in (("s", 1.0), ("ms", 1e3)):
        if value * scale >= 1:
            return f"{value * scale:.3g} {unit}" if value * scale < 1000 else f"{value:.0f} {unit}"
    return f"{value * 1e6:.3g} µs"


def gigabytes(value: int | None) -> str:
    """A memory peak in GB, or a dash."""
    return "-" if value is None else f"{value / 1e9:.2f}G"


def share(value: float | None) -> str:
    """An accuracy as printed everywhere: 0 to 1 with four digits, or a dash."""
    return "-" if value is None else f"{value:.4f}"


def lines_of(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, right: Collection[int] = ()
) -> list[str]:
    """A plain table as lines of at most 80 characters.

    Args:
        headings: Of the columns.
        rows: As many texts each.
        right: Positions of columns whose texts end below each other.
    """
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False, header_style="")
    for i, heading in enumerate(headings):
        table.add_column(heading, justify="right" if i in right else "left", no_wrap=i in right)
    for row in rows:
        table.add_row(*(Text(text) for text in row))
    return rendered(table)
