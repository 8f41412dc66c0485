"""``tlbench baseline``."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import click

from tlbench.cli.command_line import INTERRUPTED
from tlbench.gate.baseline import (
    LEAST_RUNS,
    Baseline,
    BaselineError,
    Run,
    disagreement,
    facts_of,
    read_baseline,
    run_problem,
    write_baseline,
)
from tlbench.suite.options import OPTIONS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: Lines of a failed run's output that are shown.
SHOWN_LINES = 40
#: Fewer complete runs aren't worth keeping after an interruption.
KEPT_RUNS = 2


class RunFailed(click.ClickException):
    """Tests failed: there is no baseline of it."""

    exit_code = 1


class BadUse(click.ClickException):
    """Options or a file that can't be used."""

    exit_code = 2


class NotComparable(click.ClickException):
    """Nothing was measured, or runs that can't be in one baseline."""

    exit_code = 4


def run(
    *,
    output: Path,
    runs: int,
    add: bool,
    workload: str | None,
    given: Mapping[str, str],
    arguments: Sequence[str],
    as_json: bool,
) -> None:
    """Measure several runs, each in a process of its own, and write them to a file.

    Args:
        output: The file.
        runs: How many.
        add: Append to the file's runs.
        workload: Of this suite; None takes its own default.
        given: Options of this suite that were given, as texts.
        arguments: pytest's, for another suite; none for this one.
        as_json: Print JSON in place of text.

    Raises:
        ClickException: A run failed, measured nothing, or doesn't fit the others; nothing was
            written, and an older file is left as it was.
    """
    if arguments and (given or workload):
        raise BadUse("options of tlbench's suite don't go with pytest arguments: give either")
    command = tuple(arguments) or _own_suite(workload, given)
    old = _old(output, add=add)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=output.parent):
        pass  # a place that can't be written is found before measuring
    done: list[Run] = []
    try:
        for number in range(1, runs + 1):
            click.echo(f"run {number} of {runs}: ...", err=True)
            started = perf_counter()
            done.append(_measured(command, own=not arguments))
            _check_fits((*old, *done))
            benchmarks, seconds = len(done[-1]["benchmarks"]), perf_counter() - started
            click.echo(
                f"run {number} of {runs}: {benchmarks} benchmark(s), {seconds:.0f} s", err=True
            )
    except KeyboardInterrupt:
        _interrupted(output, command, old, done, add=add)
    _write(output, command, (*old, *done))
    _tell(output, (*old, *done), as_json=as_json)


def _own_suite(workload: str | None, given: Mapping[str, str]) -> tuple[str, ...]:
    flags = {option.name: option.flag for option in OPTIONS}
    options = [f"{flags[name]}={text}" for name, text in given.items()]
    chosen = [f"--workload={workload}"] if workload else []
    return ("--benchmark", "--isolate", *chosen, *options)


def _old(output: Path, *, add: bool) -> tuple[Run, ...]:
    """The runs that stay."""
    if not add:
        return ()
    from tlbench.gate.comparable import other_machine
    from tlbench.machine.fingerprint import fingerprint

    try:
        runs = read_baseline(output).runs
    except BaselineError as error:
        raise BadUse(str(error)) from error
    if runs:
        reason = other_machine(facts_of(runs[-1]), fingerprint())
        if reason and reason.startswith("another machine"):  # before anything is measured in vain
            raise NotComparable(f"{output}: {reason}; nothing was added")
    return runs


def _measured(command: Sequence[str], *, own: bool) -> Run:
    """One run in a process of its own, as pytest-benchmark writes it."""
    with tempfile.TemporaryDirectory(prefix="tlbench-") as name:
        folder = Path(name)
        where = (
            (f"--results={folder}", "-p", "no:cacheprovider")
            if own
            else (f"--benchmark-json={folder / 'run.json'}", "--describe-machine")
        )
        # It is measured here, not judged, whatever settings say.
        whole = [sys.executable, "-m", "pytest", *command, *where, "--gate=", "-o", "tlbench_gate="]
        done = subprocess.run(  # noqa: S603 - our own command
            whole, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
        )
        _check_ended(done.returncode, done.stdout)
        files = list(folder.rglob("*.json"))
        measured = json.loads(files[0].read_text(encoding="utf-8")) if files else None
    if measured is None or not measured.get("benchmarks"):
        raise NotComparable("the tests passed, but nothing was measured: no baseline")
    problem = run_problem(measured)
    if problem:
        raise NotComparable(f"a run that can't be compared: {problem}")
    run: Run = measured
    return run


def _check_ended(status: int, output: str) -> None:
    """Stop where pytest didn't end well: 2 is an interruption, 4 bad options, 5 no tests."""
    if status == 0:
        return
    if status == 2 and "KeyboardInterrupt" in output:
        raise KeyboardInterrupt
    last = "\n".join(output.splitlines()[-SHOWN_LINES:])
    if status == 4:
        raise BadUse(f"{last}\npytest refused its options")
    if status == 5:
        raise NotComparable(f"{last}\npytest found no tests")
    raise RunFailed(f"{last}\ntests failed, and a failed run is no baseline")


def _check_fits(runs: Sequence[Run]) -> None:
    reason = disagreement(runs[0], runs[-1])
    if reason:
        raise NotComparable(f"the new run doesn't fit the first: {reason}; nothing was written")


def _interrupted(
    output: Path, command: Sequence[str], old: Sequence[Run], done: Sequence[Run], *, add: bool
) -> None:
    """Keep what is complete, unless that would replace an older baseline or hardly be one."""
    if len(done) and len(old) + len(done) >= KEPT_RUNS and (add or not output.exists()):
        _write(output, command, (*old, *done))
        click.echo("interrupted: complete runs were kept; --add makes more", err=True)
    else:
        click.echo("interrupted: nothing was written", err=True)
    raise SystemExit(INTERRUPTED)


def _write(output: Path, command: Sequence[str], runs: Sequence[Run]) -> None:
    write_baseline(output, Baseline(tuple(command), tuple(runs)))


def _tell(output: Path, runs: Sequence[Run], *, as_json: bool) -> None:
    if as_json:
        names = [each["fullname"] for each in runs[-1]["benchmarks"]]
        told = {
            "baseline": str(output),
            "runs": len(runs),
            "runs_needed": LEAST_RUNS,
            "benchmarks": names,
        }
        click.echo(json.dumps(told, indent=1))
        return
    click.echo(f"baseline: {output}, {len(runs)} run(s)")
    if len(runs) < LEAST_RUNS:
        click.echo(f"a gate needs at least {LEAST_RUNS}: add some with --add")
