"""``tlbench history``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tlbench.cli.command_line import BadInput
from tlbench.cli.runs import chosen, runs_to_show
from tlbench.compare.entries import by_job, entries_of, labelled
from tlbench.compare.history import histories
from tlbench.report import history_text as history
from tlbench.report.gate_words import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tlbench.compare.entries import Entry


def run(
    *,
    names: Sequence[str],
    results: Path,
    benchmarks: Sequence[str],
    engines: Sequence[str],
    thread_counts: Sequence[int],
    as_json: bool,
) -> None:
    """Show results over time; see ``tlbench history --help``.

    Raises:
        ResultError: A name is nothing, or a named file no run.
        BadInput: A benchmark, an engine or a number of threads that no run has.
        SystemExit: With 4 where there is no run.
    """
    found_entries = entries_of(runs_to_show(names, results))
    jobs = by_job(chosen(found_entries, engines, thread_counts)).values()
    entries = [entry for found in jobs for entry in labelled(found)]
    _known(benchmarks, entries)
    found = histories(entries, benchmarks)
    click.echo(history.as_json(found) if as_json else "\n".join(history.as_lines(found)))


def _known(benchmarks: Sequence[str], entries: Sequence[Entry]) -> None:
    known = list(dict.fromkeys(name for entry in entries for name in entry.benchmarks))
    for name in benchmarks:
        if name not in known:
            listed = ", ".join(printable(each) for each in known)
            raise BadInput(f"--benchmark {name}: no run has it; expected one of {listed}")
