"""Runs that a command is given by name, or all results where it is given none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tlbench.cli.command_line import NOTHING, Failure
from tlbench.compare.entries import SETUP
from tlbench.errors import InputError
from tlbench.report.text import printable
from tlbench.runs.collect import collect

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tlbench.compare.entries import Entry
    from tlbench.runs.collect import Run


def named_runs(names: Sequence[str], results: Path) -> tuple[Run, ...]:
    """Runs of these names; files that are skipped are listed on stderr.

    Raises:
        ResultError: A name is nothing, or a named file no run.
    """
    collected = collect(names, results)
    for line in collected.skipped:
        click.echo(f"skipped: {printable(line)}", err=True)
    return collected.runs


def runs_to_show(names: Sequence[str], results: Path) -> tuple[Run, ...]:
    """At least one run, of all results where there is no name.

    Raises:
        ResultError: A name is nothing, or a named file no run.
        Failure: There is no run.
    """
    runs = named_runs(names or [str(results)], results)
    if not runs:
        places = ", ".join(names) or f"{results}/"
        raise Failure(f"no run in {places}: measure one with pytest --benchmark", NOTHING)
    return runs


def filtered(
    entries: list[Entry], engines: Sequence[str], thread_counts: Sequence[int]
) -> list[Entry]:
    """Entries of these engines and numbers of threads, in that order; all where none is named.

    Raises:
        InputError: An engine or a number of threads that no run has.
    """
    wanted: dict[str, Sequence[object]] = {"threads": thread_counts, "engine": engines}
    for name, values in wanted.items():
        place = SETUP.index(name)
        known = sorted({str(entry.setup[place]) for entry in entries})
        for value in values:
            if str(value) not in known:
                listed = ", ".join(map(printable, known)) or "none"
                raise InputError(f"--{name} {value}: no run has it; expected one of {listed}")
        if values:
            entries = [entry for entry in entries if entry.setup[place] in values]
            entries.sort(key=lambda entry: values.index(entry.setup[place]))
    return entries
