"""``tlbench baseline``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import click

from tlbench.cache import temporary_folder
from tlbench.cli.command_line import NOTHING, USAGE, Failure, Interrupted, count
from tlbench.cli.options import json_option, number_option, output_option, pytest_command
from tlbench.gate.baseline import (
    LEAST_RUNS,
    Baseline,
    StoredRun,
    disagreement,
    facts_of,
    other_machine,
    read_baseline,
    run_problem,
    write_baseline,
)
from tlbench.gate.builds import made_by, project_of, source_folders
from tlbench.gate.untimed import EXPECTED, NO_BENCHMARK
from tlbench.interruption import run_child
from tlbench.machine.fingerprint import fingerprint
from tlbench.numbers import RUNS
from tlbench.runs.files import check_target
from tlbench.terminal import say, show, show_json

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Lines of a failed run's output that are shown.
SHOWN_LINES = 40
#: Fewer complete runs aren't worth storing after an interruption.
WORTH_STORING = 2


@click.command(epilog="Example: tlbench baseline -o baseline.json -- bench_sort.py")
@output_option(required=True)
@number_option("--runs", "number of runs", RUNS, default=5, name="repeat")
@click.option("--add", is_flag=True, help="add to the runs in FILE")
@json_option
@pytest_command("--benchmark", "--isolate")
def baseline(
    *, command: tuple[str, ...], output: Path, repeat: int, add: bool, as_json: bool
) -> None:
    """Run a suite several times and store the runs as a baseline.

    pytest --gate FILE judges later runs by it. Without PYTEST ARGUMENTS the built-in suite runs,
    each benchmark in its own process. Add runs from other days with --add: runs of different days
    differ more than runs of one hour.

    Exit code 0: written; 1: tests failed; 2: bad input; 4: nothing measured or not comparable.
    """
    runs = list(_stored(output)) if add else []
    check_target(output)
    stored = len(runs)
    try:
        for number in range(1, repeat + 1):
            started = perf_counter()
            say(f"run {number} of {repeat}: ...")
            runs.append(_measured(command))
            if reason := disagreement(runs[0], runs[-1]):
                line = f"the new run doesn't match the first: {reason}; nothing was written"
                raise Failure(line, NOTHING)
            seconds = perf_counter() - started
            benchmarks = count(len(runs[-1]["benchmarks"]), "benchmark")
            say(f"run {number} of {repeat}: {benchmarks}, {seconds:.0f} s")
    except KeyboardInterrupt:
        worth = len(runs) > stored and len(runs) >= WORTH_STORING
        if not worth or (output.exists() and not add):
            raise Interrupted("interrupted: nothing was written") from None
        write_baseline(output, Baseline(command, tuple(runs)))
        raise Interrupted("interrupted: complete runs are stored; add more with --add") from None
    write_baseline(output, Baseline(command, tuple(runs)))
    _summarise(output, runs, as_json=as_json)


def _stored(output: Path) -> tuple[StoredRun, ...]:
    """The runs to add to, if they are of this machine; called before anything is measured."""
    baseline = read_baseline(output)
    runs = baseline.runs
    if baseline.copies:
        say(f"{count(baseline.copies, 'copy', 'copies')} of runs left out")
    reason = other_machine(facts_of(runs[-1]), fingerprint()) if runs else None
    if reason and reason.startswith("another machine"):
        raise Failure(f"{output}: {reason}; nothing was added", NOTHING)
    return runs


def _measured(command: Sequence[str]) -> StoredRun:
    """One run in a process of its own, as pytest-benchmark writes it."""
    with temporary_folder() as folder:
        where = (
            (f"--results={folder}", "-p", "no:cacheprovider")
            if "--benchmark" in command
            else (f"--benchmark-json={folder / 'run.json'}", "--tlbench-describe-machine")
        )
        # This run is only measured: an ini setting may name a baseline.
        unjudged = ("--tlbench-gate=", "-o", "tlbench_gate=")
        whole = [sys.executable, "-m", "pytest", *command, *where, *unjudged]
        _check_ended(*run_child(whole, env=_environ(Path.cwd()), stderr=subprocess.STDOUT))
        files = list(folder.rglob("*.json"))
        measured = json.loads(files[0].read_text(encoding="utf-8")) if files else None
    if measured is None or not measured.get("benchmarks"):
        raise Failure(f"nothing was measured: {NO_BENCHMARK}; no baseline was written", NOTHING)
    if problem := run_problem(measured):
        raise Failure(f"the run can't be part of a baseline: {problem}", NOTHING)
    run: StoredRun = measured
    return run


def _environ(here: Path) -> dict[str, str]:
    """The user's variables, with the checkout's folders first on the import path, as in a gate.

    If the project has to be built, its installed packages are imported, and nothing is added.
    """
    root = next((each for each in (here, *here.parents) if (each / ".git").exists()), here)
    project = project_of(here, root)
    if project and made_by(project):
        return dict(os.environ)
    paths = [*map(str, source_folders(here, root)), os.environ.get("PYTHONPATH")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))}


def _check_ended(status: int, output: str) -> None:
    """Raise an error by pytest's exit code: 2 is an interruption, 4 bad options, 5 no tests."""
    if status == 0:
        return
    if status == 2 and any(words in output for words in ("KeyboardInterrupt", "Exit: interrupted")):
        raise KeyboardInterrupt
    last = "\n".join(output.splitlines()[-SHOWN_LINES:])
    if status == 4:
        raise Failure("pytest refused its options:", USAGE, last)
    if status == 5:
        raise Failure(f"pytest found no tests; {EXPECTED}:", NOTHING, last)
    raise Failure("tests failed: a baseline needs runs that pass; nothing written:", 1, last)


def _summarise(output: Path, runs: Sequence[StoredRun], *, as_json: bool) -> None:
    if as_json:
        summary = {
            "baseline": str(output),
            "runs": len(runs),
            "runs_needed": LEAST_RUNS,
            "benchmarks": [each["fullname"] for each in runs[-1]["benchmarks"]],
        }
        show_json(summary)
        return
    if len(runs) < LEAST_RUNS:
        advice = f"a gate needs at least {LEAST_RUNS} runs: add more with --add"
    else:
        advice = f"judge later runs by it: pytest --gate {output}"
    show([f"baseline: {output}, {count(len(runs), 'run')}", advice])
