"""Tasks of a study, each in a fresh process: nothing is warm, and memory is its own."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.studies.files import write_json
from bench.studies.options import add_options, as_workload, chosen_options
from tl_core.models.handles import public_name
from tlbench.errors import OptionError
from tlbench.machine.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

#: A task's arguments and its outcome, both as JSON.
Task = dict[str, Any]


def run_fresh(module: str, task: Task, *, timeout_s: float | None = None) -> Task:
    """Run a task of a study's module in a fresh process.

    Raises:
        RuntimeError: It failed; the message has what it printed last.
        subprocess.TimeoutExpired: It took longer, and was ended.
    """
    command = [sys.executable, "-m", module, "--task", json.dumps(task)]
    done = subprocess.run(  # noqa: S603 - ours
        command, capture_output=True, text=True, check=False, timeout=timeout_s
    )
    if done.returncode:
        raise RuntimeError(f"{task}: exit {done.returncode}:\n{done.stderr[-2000:]}")
    try:
        outcome: Task = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError) as error:
        raise RuntimeError(f"{task}: it printed no JSON last: {done.stdout[-500:]!r}") from error
    return outcome


def study(
    about: str,
    tasks: Mapping[str, Callable[..., Task]],
    measure: Callable[[argparse.Namespace, Task], Task],
    options: Callable[[argparse.ArgumentParser], None],
    *,
    workload: str,
) -> None:
    """A study's command line: the study itself, or with ``--task`` one of its tasks.

    Args:
        about: What it measures, for help.
        tasks: By name; a task is called with the rest of its JSON as keyword arguments.
        measure: The study: from the command line and the suite's options to what its file holds.
        options: Adds the study's own options.
        workload: Whose sizes it starts from.
    """
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("file", nargs="?", type=Path, help="result of the study")
    parser.add_argument("--task", type=json.loads, help=argparse.SUPPRESS)
    options(parser)
    add_options(parser, workload)
    arguments = parser.parse_args()
    if arguments.task is not None:
        name = arguments.task.pop("name")
        print(json.dumps(tasks[name](**arguments.task)))  # noqa: T201
        return
    chosen = chosen_options(arguments)
    try:
        as_workload(chosen)
    except OptionError as error:
        parser.error(str(error))
    outcome = measure(arguments, chosen) | {"options": _public(chosen), "machine": fingerprint()}
    if arguments.file:
        write_json(arguments.file, outcome)


def _public(chosen: Task) -> Task:
    """Without paths of this machine."""
    public = dict(chosen)
    if "model" in public:
        public["model"] = public_name(public["model"])
    if "data" in public:
        public["data"] = Path(public["data"]).name
    return public
