"""``tlbench report``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tlbench.cli.command_line import count
from tlbench.cli.options import output_option
from tlbench.cli.prices import price_options
from tlbench.cli.runs import ChosenRuns, choosing_runs
from tlbench.compare.overview import overview
from tlbench.compare.reference import reference_first
from tlbench.report.html.page import page, write_plots
from tlbench.runs.files import write_file
from tlbench.terminal import show

if TYPE_CHECKING:
    from tlbench.compare.prices import Prices

TITLE = "Transfer learning benchmarks"


@click.command(epilog="Example: tlbench report results/ -o report.html --plots pictures/")
@choosing_runs
@output_option(required=False)  # asked for after a first sentence where there is no run
@price_options
@click.option(
    "--plots",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="folder for every picture, as SVG and PNG",
)
@click.option("--title", default="Transfer learning benchmarks", metavar="TEXT", help="page title")
def report(
    *, chosen: ChosenRuns, prices: Prices, output: Path | None, plots: Path | None, title: str
) -> None:
    """Write one HTML page about runs.

    It needs no network and opens from disk. A RUN is a result file, a folder of them, or a
    machine's name; without one, all results.

    Exit code 0: written; 2: bad input, or files were skipped; 4: no run.
    """
    every = reference_first(chosen.entries())
    entries = chosen.filtered(every)
    if output is None:
        raise click.MissingParameter(param_hint="'-o' / '--output'", param_type="option")
    prices.check(every)
    shown = overview(entries, prices)
    write_file(output, page(title, shown, output.parent))
    size = output.stat().st_size / 1e6
    show([f"{output}: {count(len(shown.runs), 'run')}, {size:.1f} MB"])
    if plots is not None:
        show(f"{plots / name}.svg and .png" for name in write_plots(shown, plots))
