"""``tlbench compare``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from tlbench.cli.command_line import NOTHING, Failure
from tlbench.cli.options import explain_option, file_option, json_option
from tlbench.cli.prices import price_options
from tlbench.cli.runs import choosing_runs
from tlbench.compare.comparison import compared
from tlbench.compare.entries import entries_of, labelled
from tlbench.compare.models import Models
from tlbench.compare.reference import reference_first
from tlbench.report.comparison_records import as_csv
from tlbench.report.comparison_records import as_json as in_json
from tlbench.report.comparison_text import COLOURS, as_lines, as_markdown, explanation
from tlbench.report.text import INDENT, sentence
from tlbench.runs.files import write_file
from tlbench.runs.row import JOB
from tlbench.terminal import say, show

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tlbench.cli.runs import ChosenRuns
    from tlbench.compare.entries import Entry
    from tlbench.compare.prices import Prices

#: Facts that runs may differ in for ``--mix`` to be proposed: with more, it is another question.
MOST_MIXED = 2


@click.command(epilog="Example: tlbench compare laptop.json server/ --markdown summary.md")
@choosing_runs
@click.option(
    "--mix",
    "mixed",
    multiple=True,
    type=click.Choice(JOB),
    help="compare jobs that differ in this; repeatable",
)
@price_options
@explain_option("how the figures are computed", explanation)
@file_option("--markdown", "Markdown summary to write")
@file_option("--csv", "CSV file of all figures to write")
@json_option
def compare(
    *,
    chosen: ChosenRuns,
    mixed: tuple[str, ...],
    prices: Prices,
    markdown: Path | None,
    csv: Path | None,
    as_json: bool,
) -> None:
    """Compare runs: speed ratios and whether they are significant.

    A RUN is a result file, a folder of them, or a machine's name; without one, all results. Each
    RUN's files with the same job, machine and setup form one entry. All entries are compared with
    the first. Differences between entries are listed before any number. Runs of other jobs, data
    copies or precisions are in tables of their own, unless --mix allows it.

    With prices, the table also says which machine gives most images per unit of currency. MACHINE
    is a machine's name, the folder of its results, or its cloud instance type.

    Exit code 0: compared; 2: bad input, or files were skipped; 4: no two runs of the same job.
    """
    # Entries are made per name, so that a run that is named twice is compared with itself. The
    # order of several names is kept; for one name, the reference machine comes first.
    by_name = [chosen.read([name]) for name in chosen.names]
    models = Models(run for runs in by_name for run in runs)
    entries = [each for runs in by_name for each in entries_of(runs, mixed, models)]
    if not entries:
        raise chosen.empty()
    prices.check(entries)
    entries = chosen.filtered(reference_first(entries) if len(chosen.names) == 1 else entries)
    comparisons = [each for each in compared(entries, prices) if len(each.entries) > 1]
    if not comparisons:
        raise Failure(_nothing(entries, mixed), NOTHING)
    for path, text in ((markdown, as_markdown), (csv, as_csv)):
        if path is not None:
            write_file(path, text(comparisons))
    if as_json:
        show(in_json(comparisons).splitlines())
        return
    show(as_lines(comparisons), COLOURS)
    jobs = [each.job for each in comparisons]
    alone = [entry for entry in entries if entry.job not in jobs]
    if alone:
        say("", "left out, because no other run is of the same job:")
    for entry in labelled(alone):
        say(*sentence(f"{entry.label}; {entry.job}", INDENT))


def _nothing(entries: Sequence[Entry], mixed: Sequence[str]) -> str:
    """Why there is no comparison, and what would make one."""
    if len(entries) < 2:
        return (
            "only one machine and setup: expected at least two runs that differ in machine, "
            "engine, device or threads, or two files; name more runs, or measure more, for example "
            "with pytest --benchmark --engine litert"
        )
    jobs = [dict(entry.job.facts) for entry in entries]
    values = {
        name: dict.fromkeys(str(job.get(name)) for job in jobs) for name in JOB if name not in mixed
    }
    differing = {name: each for name, each in values.items() if len(each) > 1}
    listed = "; ".join(f"{name} {' / '.join(each)}" for name, each in differing.items())
    mixing = f", or allow it with {' '.join(f'--mix {name}' for name in differing)}"
    return (
        f"no two setups ran the same job ({listed}): speeds of different jobs aren't "
        f"compared. Measure the same job{mixing if len(differing) <= MOST_MIXED else ''}"
    )
