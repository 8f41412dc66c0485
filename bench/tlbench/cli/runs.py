"""Options that choose runs: by name, all results without one; then by engine and threads."""

from __future__ import annotations

import functools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import click

from tlbench.cli.command_line import NOTHING, USAGE, Failure, count
from tlbench.cli.options import results_option
from tlbench.compare.entries import entries_of
from tlbench.errors import InputError
from tlbench.runs.collect import collect
from tlbench.runs.row import SETUP
from tlbench.terminal import say

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tlbench.compare.entries import Entry
    from tlbench.runs.collect import Run

#: Skipped files that are listed; more are counted.
MOST_SKIPPED = 5
_OPTIONS = (
    click.argument("names", nargs=-1, metavar="[RUN]..."),
    results_option("results folder: used when no RUN is given, searched for machine names"),
    click.option(
        "--engine",
        "engines",
        multiple=True,
        metavar="NAME",
        help="only runs of this engine; repeatable",
    ),
    click.option(
        "--threads",
        "thread_counts",
        multiple=True,
        type=int,
        metavar="N",
        help="only runs with this number of threads; repeatable",
    ),
)


@dataclass(frozen=True)
class ChosenRuns:
    """Runs that a command is about.

    Attributes:
        names: Files, folders or machines, at least one.
        results: Folder in which machine names are searched.
        engines, threads: In the order in which they are shown; empty for all.
        skipped: Files that ``read`` skipped, a line each.
    """

    names: tuple[str, ...]
    results: Path
    engines: tuple[str, ...]
    threads: tuple[int, ...]
    skipped: list[str] = field(default_factory=list)

    def read(self, names: Sequence[str]) -> tuple[Run, ...]:
        """Runs of these names, as ``collect`` has them; stderr lists what was left out.

        Raises:
            Failure: The results folder doesn't exist and no other name was given; what to run.
        """
        if list(names) == [str(self.results)] and not self.results.exists():
            raise self.empty()
        collected = collect(names, self.results)
        skipped = collected.skipped
        self.skipped.extend(skipped)
        if collected.copies:
            say(f"{count(collected.copies, 'copy', 'copies')} of runs left out")
        if len(skipped) > MOST_SKIPPED:
            say(f"{len(skipped):,} files skipped, first: {skipped[0]}")
        else:
            say(*(f"skipped: {line}" for line in skipped))
        return collected.runs

    def entries(self) -> list[Entry]:
        """Entries of all names together; ``Failure`` if there is no run."""
        runs = self.read(self.names)
        if not runs:
            raise self.empty()
        return entries_of(runs)

    def empty(self) -> Failure:
        """The error for names without a run."""
        places = ", ".join(self.names)
        return Failure(
            f"no run in {places} yet: measure this machine with pytest --benchmark, or name result "
            "files",
            NOTHING,
        )

    def filtered(self, entries: list[Entry]) -> list[Entry]:
        """Entries of the chosen engines and numbers of threads, in that order.

        Raises:
            InputError: An engine or a number of threads that no run has.
        """
        wanted: dict[str, Sequence[object]] = {"threads": self.threads, "engine": self.engines}
        for name, values in wanted.items():
            place = SETUP.index(name)
            known = sorted({entry.setup[place] for entry in entries})
            for value in values:
                if value not in known:
                    listed = ", ".join(map(str, known)) or "none"
                    raise InputError(f"--{name} {value}: no run has it; expected one of {listed}")
            if values:
                entries = [entry for entry in entries if entry.setup[place] in values]
                entries.sort(key=lambda entry: values.index(entry.setup[place]))
        return entries


def choosing_runs(command: Callable[..., None]) -> Callable[..., None]:
    """The options that choose runs, passed as ``chosen``; exit code 2 where files were skipped."""

    @functools.wraps(command)
    def with_chosen(
        *,
        names: tuple[str, ...],
        results: Path,
        engines: tuple[str, ...],
        thread_counts: tuple[int, ...],
        **values: Any,  # noqa: ANN401 - click's values
    ) -> None:
        chosen = ChosenRuns(names or (str(results),), results, engines, thread_counts)
        command(chosen=chosen, **values)
        if chosen.skipped:  # all else is shown
            raise SystemExit(USAGE)

    decorated: Callable[..., None] = with_chosen
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return decorated
