"""``tlbench compare``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tlbench.cli.runs import chosen, named_runs
from tlbench.compare.comparison import compared
from tlbench.compare.entries import entries_of, labelled
from tlbench.compare.jobs import JOB
from tlbench.compare.reference import reference_first
from tlbench.report.comparison_records import as_csv
from tlbench.report.comparison_records import as_json as in_json
from tlbench.report.comparison_text import as_lines, as_markdown
from tlbench.report.gate_words import printable
from tlbench.report.table import indented
from tlbench.runs.files import write_file

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tlbench.compare.entries import Entry

#: Facts that runs may differ in for ``--mix`` to be proposed: with more, it is another question.
MOST_MIXED = 2
#: Exit code where nothing can be compared.
NOT_COMPARABLE = 4


def run(
    *,
    names: Sequence[str],
    results: Path,
    mixed: Sequence[str],
    engines: Sequence[str],
    thread_counts: Sequence[int],
    as_json: bool,
    markdown: Path | None,
    csv: Path | None,
) -> None:
    """Compare runs, print a table, and write it where asked; see ``tlbench compare --help``.

    Raises:
        ResultError: A name is nothing, or a named file no run.
        BadInput: An engine or a number of threads that no run has.
        SystemExit: With 4 where no two runs are of the same job.
    """
    found = chosen(_entries(names or [str(results)], results, mixed), engines, thread_counts)
    comparisons = [each for each in compared(found) if len(each.entries) > 1]
    if not comparisons:
        click.echo(_nothing(found, mixed), err=True)
        raise SystemExit(NOT_COMPARABLE)
    alone = [entry for entry in found if all(entry.job != each.job for each in comparisons)]
    for path, text in ((markdown, as_markdown), (csv, as_csv)):
        if path is not None:
            write_file(path, text(comparisons))
    if as_json:
        click.echo(in_json(comparisons))
        return
    click.echo("\n".join(as_lines(comparisons)))
    if alone:
        click.echo("\nleft out, since no other run is of the same job:", err=True)
        for entry in labelled(alone):
            told = indented(printable(f"{entry.label}; {entry.job}"))
            click.echo("\n".join(told), err=True)


def _entries(names: Sequence[str], results: Path, mixed: Sequence[str]) -> list[Entry]:
    """Each name's entries: what is named twice is compared, not put together.

    Several names say what is compared with what; of one, the reference machine comes first.
    """
    found = []
    for name in names:
        found += entries_of(named_runs([name], results), mixed)
    return reference_first(found) if len(names) == 1 else found


def _nothing(found: Sequence[Entry], mixed: Sequence[str]) -> str:
    """Why there is no comparison, and what would make one."""
    if len(found) < 2:
        return (
            f"{len(found)} kind of run: expected at least two that differ in machine, engine, "
            "device or threads, or two files; name more runs"
        )
    jobs = [dict(entry.job.facts) for entry in found]
    names = [name for name in JOB if name not in mixed and len({job.get(name) for job in jobs}) > 1]
    told = {name: " / ".join(dict.fromkeys(str(job.get(name)) for job in jobs)) for name in names}
    listed = "; ".join(f"{name} {values}" for name, values in told.items())
    mixing = f", or allow it with {' '.join(f'--mix {name}' for name in names)}"
    return (
        f"no two set-ups here ran the same job ({listed}): speeds of different jobs aren't "
        f"compared. Measure them alike{mixing if len(names) <= MOST_MIXED else ''}"
    )
