"""Commands that are killed at random moments, and just before each of their writes.

Run as ``python -m bench.studies.kills FILE [--operation NAME] [--trials N]``. Each trial runs a
command in a fresh folder with an empty cache, and ends it: by SIGKILL, SIGTERM or SIGINT at a
random moment, or by SIGKILL before one of its writes. Then nothing may be half written, no process
may live on, and the same command, run again, must finish and leave nothing but its outcome. A
command that has saved its model may instead refuse to overwrite it. A command that was asked to end
must also say so in a line, with its exit code, and leave nothing behind. FILE is written after each
command; those that it has already, with as many trials, are not tried again. The exit code is 1 if
any trial found a problem.
"""

from __future__ import annotations

import argparse
import os
import random
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

from bench.studies.blocks import cell_line, heading, of_study
from bench.studies.kill_operations import OPERATIONS
from bench.studies.parts import Parts
from tlbench.machine.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.studies.kill_operations import Operation

#: Signals of random moments, in turn.
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
#: Exit codes of a command of ``tlbench`` and of pytest that was asked to end.
CODES = {
    "tlbench": {signal.SIGTERM: 143, signal.SIGINT: 130},
    "pytest": {signal.SIGTERM: 143},
}
PYTEST_CODE = 2
#: Words of a command that says so: the last two are of pytest's own report.
SAYS = ("interrupted", "keyboardinterrupt", "terminated")
#: Exit codes of a command that finished; a gate with so small a budget may be inconclusive.
FINISHED = (0, 3)
#: Exit code of a command that got bad input, such as a folder that exists already.
REFUSED = 2
#: The first moment at which a command may be killed: until then, Python itself is starting.
EARLIEST_S = 0.2
#: Seconds in which a command that was asked to end must end, and its children after a kill.
GRACE_S = 20.0
#: Name of the variable by which a trial's processes are known.
MARK = "TLBENCH_KILL_TRIAL"


class Ended(NamedTuple):
    """How a command ended: its exit code, what it printed, and whether it was killed by a trial."""

    code: int
    output: str
    early: bool


class End(NamedTuple):
    """What ends a command: a signal after some seconds, or SIGKILL before a write."""

    number: signal.Signals
    after_s: float | None = None
    point: int | None = None

    @property
    def kind(self) -> str:
        """Without the moment."""
        return f"{self.number.name} {'at a random moment' if self.point is None else 'at a write'}"

    def __str__(self) -> str:
        """Such as ``SIGTERM after 1.23 s``."""
        moment = f"after {self.after_s:.2f} s" if self.point is None else f"at write {self.point}"
        return f"{self.number.name} {moment}"


def run(operation: Operation, place: Path, end: End | None, mark: str = "") -> Ended:
    """Run the command in a folder, to its end or to this one."""
    module, *arguments = operation.command
    points = ("-m", "bench.studies.kill_points", str(place), str(end.point if end else 0))
    runner = points if operation.points and (end is None or end.point) else ("-m",)
    environ = os.environ | {"TLBENCH_CACHE": str(place / "cache"), MARK: mark}
    with (place / "log").open("w+") as log:
        process = subprocess.Popen(  # noqa: S603 - ours
            [sys.executable, *runner, module, *arguments],
            cwd=place, env=environ, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
        early = False
        try:
            process.wait(end.after_s if end else None)
        except subprocess.TimeoutExpired:
            early = True
            process.send_signal(end.number if end else signal.SIGKILL)
        try:
            process.wait(None if end is None else GRACE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.seek(0)
        return Ended(process.returncode, log.read(), early or bool(end and end.point))


def trial(operation: Operation, end: End) -> list[str]:
    """End the command once; what is wrong then, and after the same command has run again."""
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        place, mark = Path(name), secrets.token_hex(8)
        operation.prepare(place)
        ended = run(operation, place, end, mark)
        problems = [
            *_wrong_ending(operation, end, ended, whole=not _missing(operation, place)),
            *_living(mark),
            *_broken(operation, place),
        ]
        if end.number != signal.SIGKILL:
            problems += [f"left behind: {each}" for each in _left(place)]
        saved = operation.never_overwritten and list(place.glob(operation.never_overwritten))
        again = run(operation, place, None, mark)
        if not (saved and _refused(operation, again)):
            if again.code not in FINISHED:
                problems.append(f"run again: exit code {again.code}: {again.output[-300:]}")
            problems += [f"run again: no {each}" for each in _missing(operation, place)]
        problems += [f"run again: {each}" for each in (*_living(mark), *_broken(operation, place))]
        return problems + [f"left behind after running again: {each}" for each in _left(place)]


def _wrong_ending(operation: Operation, end: End, ended: Ended, *, whole: bool) -> Iterator[str]:
    """What is wrong with how a command ended, whose outcome is ``whole`` or isn't there yet."""
    if not ended.early:
        if ended.code not in FINISHED:
            yield f"exit code {ended.code} without a signal: {ended.output[-300:]}"
        return
    if "Traceback (most recent call last)" in ended.output:
        yield f"a traceback: {ended.output[-600:]}"
    if end.number == signal.SIGKILL:
        return
    expected = CODES.get(operation.command[0], {}).get(end.number, PYTEST_CODE)
    # It may just have finished; or its outcome is there, and Python itself is ending.
    ending = [-signal.SIGTERM] * whole
    if ended.code not in (expected, *FINISHED, *ending):
        yield f"exit code {ended.code}, expected {expected}: {ended.output[-300:]}"
    says = any(word in ended.output.lower() for word in SAYS)
    if ended.code == expected and not says:
        yield f"it doesn't say that it was interrupted: {ended.output[-300:]!r}"


def _refused(operation: Operation, ended: Ended) -> bool:
    """Whether a command said that it doesn't overwrite its earlier outcome."""
    return (
        ended.code == REFUSED and f"{operation.never_overwritten}: exists already" in ended.output
    )


def _living(mark: str) -> list[str]:
    """Processes of a trial that live on after the grace."""
    limit = time.monotonic() + GRACE_S
    while living := list(_processes(mark)):
        if time.monotonic() > limit:
            for each in living:
                each.kill()
            return [f"a process lives on: {' '.join(each.info['cmdline'][:6])}" for each in living]
        time.sleep(0.1)
    return []


def _processes(mark: str) -> Iterator[psutil.Process]:
    for process in psutil.process_iter(["cmdline", "environ", "status"]):
        environ, status = process.info["environ"] or {}, process.info["status"]
        if environ.get(MARK) == mark and status != psutil.STATUS_ZOMBIE:
            yield process


def _broken(operation: Operation, place: Path) -> list[str]:
    """Targets that are there, but not whole."""
    paths = (path for pattern in operation.targets for path in place.glob(pattern))
    return [problem for path in paths if (problem := operation.problem(path))]


def _missing(operation: Operation, place: Path) -> list[str]:
    return [pattern for pattern in operation.targets if not list(place.glob(pattern))]


def _left(place: Path) -> list[str]:
    """Temporary files and folders, worktrees, and locks of those."""
    temporary = [path for ending in ("part", "old") for path in place.rglob(f"*.{ending}")]
    for folder in ("temporary", "gate/trees"):
        temporary += (place / "cache" / folder).glob("*")
    known = place / ".git" / "worktrees"
    temporary += known.glob("*")
    return [str(path.relative_to(place)) for path in temporary]


def measure(operation: Operation, trials: int, draw: random.Random) -> dict[str, Any]:
    """Trials of an operation: as many at random moments, and one before each write."""
    with tempfile.TemporaryDirectory(prefix="kills-") as name:
        operation.prepare(Path(name))
        start = time.perf_counter()
        whole = run(operation, Path(name), None)
        seconds = time.perf_counter() - start
    if whole.code not in FINISHED:
        raise RuntimeError(f"{operation.name}: exit code {whole.code}:\n{whole.output[-2000:]}")
    points = int(whole.output.rsplit("points: ", 1)[-1].split()[0]) if operation.points else 0
    ends = [
        *_random_ends(trials, seconds, draw),
        *(End(signal.SIGKILL, point=number) for number in _spread(points, trials)),
    ]
    rows = []
    for end in ends:
        rows.append({"end": str(end), "problems": trial(operation, end)})
        print(operation.name, rows[-1], flush=True)  # noqa: T201
    return {
        "operation": operation.name,
        "command": " ".join(operation.command),
        "seconds": seconds,
        "writes": points,
        "asked": trials,
        "kinds": dict(Counter(end.kind for end in ends)),
        "trials": len(rows),
        "survived": sum(not row["problems"] for row in rows),
        "failed": [row for row in rows if row["problems"]],
    }  # fmt: skip


def _random_ends(trials: int, seconds: float, draw: random.Random) -> Iterator[End]:
    for number in range(trials):
        moment = draw.uniform(EARLIEST_S, seconds)
        yield End(SIGNALS[number % len(SIGNALS)], after_s=moment)


def _spread(points: int, trials: int) -> list[int]:
    """At most so many of the numbers from 1, evenly spread."""
    step = max(1.0, points / trials) if trials else 1.0
    return [1 + int(step * number) for number in range(min(points, trials))]


def table(study: dict[str, Any]) -> str:
    """By operation, how often it was ended in each way, and how often it survived."""
    kinds = [End(each, 0.0).kind for each in SIGNALS] + [End(SIGNALS[0], point=1).kind]
    lines = heading("command", *kinds, "survived")
    for each in study["operations"]:
        counts = [str(each["kinds"].get(kind, 0)) for kind in kinds]
        survived = f"{each['survived']} of {each['trials']}"
        name = " ".join(each["command"].split()[:2])
        lines.append(cell_line([f"`{name}`", *counts, survived]))
    total = [sum(each[key] for each in study["operations"]) for key in ("survived", "trials")]
    lines.append(cell_line(["all", *[""] * len(kinds), f"{total[0]} of {total[1]}"]))
    return "\n".join(lines)


BLOCKS = (of_study("kills", "kills.json", table),)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, help="result of the study")
    parser.add_argument("--operation", action="append", choices=list(OPERATIONS))
    parser.add_argument("--trials", type=int, default=30, help="of each kind and operation")
    parser.add_argument("--seed", type=int, default=0, help="random seed of the moments")
    chosen = parser.parse_args(arguments)
    parts = Parts(chosen.file, "operations", "operation", "asked", OPERATIONS)
    rows = parts.complete(
        chosen.operation or OPERATIONS,
        chosen.trials,
        lambda name: measure(
            OPERATIONS[name],
            chosen.trials,
            random.Random(f"{chosen.seed} {name}"),  # noqa: S311 - no secret
        ),
        {"machine": fingerprint()},
    )
    raise SystemExit(any(row["failed"] for row in rows))


if __name__ == "__main__":
    main()
