"""Runs that a command is given by name, or all results where it is given none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tlbench.cli.command_line import BadInput
from tlbench.compare.entries import SETUP
from tlbench.report.gate_words import printable
from tlbench.runs.collect import collect

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tlbench.compare.entries import Entry
    from tlbench.runs.collect import Run

#: Exit code where there is no run to show.
NOTHING = 4


def named_runs(names: Sequence[str], results: Path) -> tuple[Run, ...]:
    """Runs of these names; what is passed over is said on stderr.

    Raises:
        ResultError: A name is nothing, or a named file no run.
    """
    collected = collect(names, results)
    for line in collected.skipped:
        click.echo(f"passed over: {printable(line)}", err=True)
    return collected.runs


def runs_to_show(names: Sequence[str], results: Path) -> tuple[Run, ...]:
    """At least one run, of all results where there is no name.

    Raises:
        ResultError: A name is nothing, or a named file no run.
        SystemExit: With 4 where there is no run.
    """
    found = named_runs(names or [str(results)], results)
    if not found:
        given = ", ".join(names) or f"{results}/"
        click.echo(f"no run in {given}: measure one with pytest --benchmark", err=True)
        raise SystemExit(NOTHING)
    return found


def chosen(found: list[Entry], engines: Sequence[str], thread_counts: Sequence[int]) -> list[Entry]:
    """Those of these engines, and with so many threads, in that order; all, where none is named.

    Raises:
        BadInput: An engine or a number of threads that no run has.
    """
    wanted: dict[str, Sequence[object]] = {"threads": thread_counts, "engine": engines}
    for name, values in wanted.items():
        place = SETUP.index(name)
        known = sorted({str(entry.setup[place]) for entry in found})
        for value in values:
            if str(value) not in known:
                listed = ", ".join(map(printable, known)) or "none"
                raise BadInput(f"--{name} {value}: no run has it; there are {listed}")
        if values:
            found = [entry for entry in found if entry.setup[place] in values]
            found.sort(key=lambda entry: values.index(entry.setup[place]))
    return found
