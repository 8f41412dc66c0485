"""``tlbench report``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tlbench.cli.runs import chosen, runs_to_show
from tlbench.compare.entries import entries_of
from tlbench.compare.reference import reference_first
from tlbench.report.html.page import page, sections, write_plots
from tlbench.runs.files import write_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

TITLE = "Transfer learning benchmarks"


def run(
    *,
    names: Sequence[str],
    results: Path,
    engines: Sequence[str],
    thread_counts: Sequence[int],
    output: Path,
    plots: Path | None,
    title: str | None,
) -> None:
    """Write the page, and its pictures where asked; see ``tlbench report --help``.

    Raises:
        ResultError: A name is nothing, or a named file no run.
        BadInput: An engine or a number of threads that no run has.
        OSError: A file can't be written.
        SystemExit: With 4 where there is no run.
    """
    every = reference_first(entries_of(runs_to_show(names, results)))
    entries = chosen(every, engines, thread_counts)
    runs = sorted((run for entry in entries for run in entry.runs), key=lambda run: run.when)
    found = sections(entries)
    text = page(title or TITLE, found, runs, output.parent)
    write_file(output, text)
    click.echo(f"{output}: {len(runs):,} run(s), {output.stat().st_size / 1e6:.1f} MB")
    if plots is not None:
        for name in write_plots(found, plots):
            click.echo(f"{plots / name}.svg and .png")
