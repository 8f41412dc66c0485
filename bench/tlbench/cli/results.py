"""Commands that read result files. None of them needs TensorFlow."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tlbench.cli.options import choosing_options, file_option, json_option, results_option
from tlbench.compare.jobs import JOB as JOB_FACTS


@click.command(epilog="Example: tlbench check results/")
@click.argument("files", nargs=-1, required=True, type=click.Path(), metavar="FILE...")
@json_option
def check(**arguments: Any) -> None:  # noqa: ANN401 - click's values
    """Say what is wrong with result files, all below a folder, or all of a machine.

    Exits with 0: nothing, 2: something.
    """
    from tlbench.cli.check import run

    run(**arguments)


@click.command(epilog="Example: tlbench compare laptop.json server/ --markdown summary.md")
@click.argument("names", nargs=-1, metavar="[RUN]...")
@results_option
@click.option(
    "--mix",
    "mixed",
    multiple=True,
    type=click.Choice(JOB_FACTS),
    help="put runs side by side that differ in this; may be given several times",
)
@choosing_options
@file_option("--markdown", "write a summary there")
@file_option("--csv", "write all figures there")
@json_option
def compare(**arguments: Any) -> None:  # noqa: ANN401 - click's values
    """Set runs side by side: how many times as fast, and whether that is real.

    A RUN is a result file, a folder of them, or a machine's name; without one, all results. Runs of
    one job, machine and set-up become one entry, if one RUN names them all; the first entry is what
    the others are compared with. What differs between them is said before any number. Runs of other
    jobs, data copies or precisions don't come into one table, unless --mix allows it.

    Exits with 0: compared, 2: bad input, 4: no two runs of the same job.
    """
    from tlbench.cli.compare import run

    run(**arguments)


@click.command(epilog="Example: tlbench history --benchmark extract")
@click.argument("names", nargs=-1, metavar="[RUN]...")
@results_option
@click.option(
    "--benchmark",
    "benchmarks",
    multiple=True,
    metavar="NAME",
    help="show this one only, such as 'train (cached)'; may be given several times",
)
@choosing_options
@json_option
def history(**arguments: Any) -> None:  # noqa: ANN401 - click's values
    """Show results over time: where each benchmark became faster or slower, and at which commits.

    A RUN is a result file, a folder of them, or a machine's name; without one, all results. Runs
    of one job, machine and set-up are one history.

    Exits with 0: shown, 2: bad input, 4: no run to show.
    """
    from tlbench.cli.history import run

    run(**arguments)


@click.command(epilog="Example: tlbench report results/ -o report.html --plots pictures/")
@click.argument("names", nargs=-1, metavar="[RUN]...")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="where the page is written",
)
@results_option
@click.option(
    "--plots",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="write every picture there, as SVG and PNG",
)
@choosing_options
@click.option("--title", metavar="TEXT", help="of the page")
def report(**arguments: Any) -> None:  # noqa: ANN401 - click's values
    """Write one HTML page about runs: needs no network, opens from disk.

    A RUN is a result file, a folder of them, or a machine's name; without one, all results.

    Exits with 0: written, 2: bad input, 4: no run.
    """
    from tlbench.cli.report import run

    run(**arguments)
