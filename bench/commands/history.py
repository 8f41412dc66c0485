"""``tlbench history``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from bench.cli import BadInput
from bench.compare.entries import by_job, entries_of, labelled
from bench.compare.history import histories
from bench.records.collect import collect
from bench.telling.gate_words import printable
from bench.telling.history import as_json, as_lines

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from bench.compare.entries import Entry

#: Exit code where there is no run to show.
NOTHING = 4


def run(*, names: Sequence[str], results: Path, benchmarks: Sequence[str], as_json_: bool) -> None:
    """Show results over time; see ``tlbench history --help``.

    Raises:
        ResultError: A name is nothing, or a named file no run.
        BadInput: A benchmark that no run has.
        SystemExit: With 4 where there is no run.
    """
    collected = collect(names or [str(results)], results)
    for line in collected.skipped:
        click.echo(f"passed over: {printable(line)}", err=True)
    if not collected.runs:
        given = ", ".join(names) or f"{results}/"
        click.echo(f"no run in {given}: measure one with pytest --benchmark", err=True)
        raise SystemExit(NOTHING)
    entries = [
        entry for found in by_job(entries_of(collected.runs)).values() for entry in labelled(found)
    ]
    _known(benchmarks, entries)
    found = histories(entries, benchmarks)
    click.echo(as_json(found) if as_json_ else "\n".join(as_lines(found)))


def _known(benchmarks: Sequence[str], entries: Sequence[Entry]) -> None:
    known = list(dict.fromkeys(name for entry in entries for name in entry.benchmarks))
    for name in benchmarks:
        if name not in known:
            listed = ", ".join(printable(each) for each in known)
            raise BadInput(f"--benchmark {name}: no run has it; expected one of {listed}")
