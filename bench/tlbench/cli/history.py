"""``tlbench history``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tlbench.cli.options import json_option
from tlbench.cli.runs import choosing_runs
from tlbench.compare.entries import by_job, labelled
from tlbench.compare.history import histories
from tlbench.errors import InputError
from tlbench.report import history_text
from tlbench.terminal import show

if TYPE_CHECKING:
    from tlbench.cli.runs import ChosenRuns


@click.command(epilog="Example: tlbench history --benchmark extract")
@choosing_runs
@click.option(
    "--benchmark",
    "benchmarks",
    multiple=True,
    metavar="NAME",
    help="only this benchmark, such as 'train (cached)'; repeatable",
)
@json_option
def history(*, chosen: ChosenRuns, benchmarks: tuple[str, ...], as_json: bool) -> None:
    """Show results over time and where they changed.

    The report names the commits at which a benchmark became faster or slower. A RUN is a result
    file, a folder of them, or a machine's name; without one, all results. Runs of one job on one
    machine with one setup are one history.

    Exit code 0: shown; 2: bad input, or files were skipped; 4: no run.
    """
    jobs = by_job(chosen.filtered(chosen.entries())).values()
    entries = [entry for of_job in jobs for entry in labelled(of_job)]
    known = list(dict.fromkeys(name for entry in entries for name in entry.benchmarks))
    for name in benchmarks:
        if name not in known:
            listed = ", ".join(known)
            raise InputError(f"--benchmark {name}: no run has it; expected one of {listed}")
    shown = histories(entries, benchmarks)
    text = history_text
    show(text.as_json(shown).splitlines() if as_json else text.as_lines(shown))
