"""On a node: runs of the suite, each in a process and a folder of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import msgspec

from tlbench.cache import temporary_folder
from tlbench.fleet.messages import Message
from tlbench.interruption import run_child
from tlbench.machine.cpu import allowed_cpus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

#: Lines of the suite's output that the driver gets, and characters of each.
SHOWN_LINES, SHOWN_CHARACTERS = 40, 300
#: Begins of the lines in which pytest says what went wrong, the most telling first.
MARKS = ("FAILED ", "ERROR", "!", "INTERNALERROR")


def measured(arguments: Sequence[str], runs: int, limit_s: float, cpus: int) -> Iterator[bytes]:
    """Run the suite so many times; yields a ``Message`` for each run, as JSON.

    The first run that fails is the last one. For the arguments, see ``entry.begin``.
    """
    options = [*arguments, *_threads(arguments, cpus)]
    for _ in range(runs):
        message = _run(options, limit_s)
        yield msgspec.json.encode(message)
        if message.state == "failed":
            return


def _threads(arguments: Sequence[str], cpus: int) -> list[str]:
    """The option for as many threads as the node's Ray has CPUs, where it has less than all."""
    has_option = any(
        each.partition("=")[0] in ("--threads", "--tlbench-threads") for each in arguments
    )
    return [] if has_option or cpus >= len(allowed_cpus()) else [f"--tlbench-threads={cpus}"]


def _run(arguments: Sequence[str], limit_s: float) -> Message:
    with temporary_folder() as folder:
        # A run is only measured here: an ini setting may name a baseline.
        own = ("--tlbench-gate=", "-o", "tlbench_gate=", "-p", "no:cacheprovider")
        command = [sys.executable, "-m", "pytest", *arguments, *own]
        try:
            status, output = run_child(
                [*command, f"--tlbench-results={folder / 'results'}"],
                env=os.environ,
                limit_s=limit_s,
                cwd=folder,
                stderr=subprocess.STDOUT,
            )
        except subprocess.TimeoutExpired:
            return Message(state="failed", problem=f"a run took longer than {limit_s:.0f} s")
        return _message(status, output, folder)


def _message(status: int, output: str, folder: Path) -> Message:
    lines = [line[:SHOWN_CHARACTERS] for line in output.splitlines() if line.strip()]
    tail = "\n".join(lines[-SHOWN_LINES:])
    path = next(iter(sorted(folder.rglob("results/**/*.json"))), None)
    name, content = (path.name, path.read_bytes()) if path else ("", b"")
    if status == 0 and path:
        return Message(state="measured", output=tail, name=name, content=content)
    problem = "the suite measured nothing" if status == 0 else _ending(status, lines)
    return Message(state="failed", problem=problem, output=tail, name=name, content=content)


def _ending(status: int, lines: Sequence[str]) -> str:
    """How the suite ended, in one line."""
    if status < 0:
        killed = " (out of memory?)" if status == -signal.SIGKILL else ""
        return f"the suite was ended by signal {-status}{killed}"
    said = [line for mark in MARKS for line in lines if line.startswith(mark)] or lines[-1:]
    reason = said[0].strip("! ") if said else "it printed nothing"
    return f"the suite ended with exit code {status}: {reason}"
