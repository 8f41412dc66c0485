"""``tlbench report``."""

from __future__ import annotations

from pathlib import Path

import click

from tlbench.cli.options import (
    engine_filter,
    output_option,
    results_option,
    runs_argument,
    threads_filter,
)
from tlbench.cli.runs import filtered, runs_to_show
from tlbench.compare.entries import entries_of
from tlbench.compare.reference import reference_first
from tlbench.report.html.page import page, sections, write_plots
from tlbench.runs.files import write_file

TITLE = "Transfer learning benchmarks"


@click.command(epilog="Example: tlbench report results/ -o report.html --plots pictures/")
@runs_argument
@output_option
@results_option
@click.option(
    "--plots",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="folder for every picture, as SVG and PNG",
)
@engine_filter
@threads_filter
@click.option("--title", default=TITLE, metavar="TEXT", help="page title")
def report(
    *,
    names: tuple[str, ...],
    output: Path,
    results: Path,
    plots: Path | None,
    engines: tuple[str, ...],
    thread_counts: tuple[int, ...],
    title: str,
) -> None:
    """Write one HTML page about runs.

    It needs no network and opens from disk. A RUN is a result file, a folder of them, or a
    machine's name; without one, all results.

    Exit code 0: written; 2: bad input; 4: no run.
    """
    entries = reference_first(entries_of(runs_to_show(names, results)))
    entries = filtered(entries, engines, thread_counts)
    runs = sorted((run for entry in entries for run in entry.runs), key=lambda run: run.when)
    shown = sections(entries)
    write_file(output, page(title, shown, runs, output.parent))
    click.echo(f"{output}: {len(runs):,} runs, {output.stat().st_size / 1e6:.1f} MB")
    if plots is not None:
        for name in write_plots(shown, plots):
            click.echo(f"{plots / name}.svg and .png")
