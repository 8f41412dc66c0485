"""The table at the end of a run, readable at 80 columns."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bench.records.read import Row

WIDTH = 80


def result_table(rows: Iterable[Row], not_measured: Mapping[str, str]) -> list[str]:
    """Lines of at most 80 characters.

    Args:
        rows: What was measured.
        not_measured: Reason by benchmark, for those that have no row.
    """
    table = Table(box=None, pad_edge=False, header_style="")
    table.add_column("stage")
    for heading in ("images/s", "median", "spread", "n", "accuracy", "floor", "peak"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in rows:
        table.add_row(*cells(row))
    lines = _render(table)
    for name, reason in not_measured.items():
        lines += _render(Text(f"{name}: not measured: {reason}"))
    return lines


def cells(row: Row) -> tuple[str, ...]:
    """A row's entries in the order of the table's columns."""
    info = row.info
    low, high = min(row.seconds), max(row.seconds)
    middle = median(row.seconds)
    spread = f"{(high - low) / middle:.0%}" if len(row.seconds) > 1 else "-"
    return (
        row.label,
        f"{info['images_per_s']:,.0f}",
        seconds(middle),
        spread,
        str(len(row.seconds)),
        share(info.get("accuracy")),
        share(info.get("accuracy_floor")),
        f"{info['peak_rss_bytes'] / 1e6:,.0f} MB",
    )


def seconds(value: float) -> str:
    """A duration with three digits and its unit."""
    for unit, scale in (("s", 1.0), ("ms", 1e3)):
        if value * scale >= 1:
            return f"{value * scale:.3g} {unit}" if value * scale < 1000 else f"{value:.0f} {unit}"
    return f"{value * 1e6:.3g} µs"


def share(value: float | None) -> str:
    """An accuracy as printed everywhere: 0 to 1 with four digits, or a dash."""
    return "-" if value is None else f"{value:.4f}"


def _render(item: Table | Text) -> list[str]:
    console = Console(width=WIDTH, color_system=None, legacy_windows=False)
    with console.capture() as capture:
        console.print(item)
    return [line.rstrip() for line in capture.get().splitlines()]
