"""Extractions on a cluster whose worker, driver or node is killed: each picture exactly once.

Run as ``python -m bench.studies.extraction_kills FILE [--trials N]``. A local cluster has a head
without CPUs and two nodes of one CPU each. Each trial extracts the same pictures to a fresh folder
and kills, by SIGKILL, a worker, the driver, or a node with all its processes: at a random moment,
or between the write of a shard and its rename. A run whose worker or node was killed must finish by
itself; one whose driver was killed, when it is run again. Then the files must be those of a run
that nobody disturbed, byte for byte, and nothing else may be left. FILE is written after each
round of trials; those that it has already count, so that the study can be spread over days. The
exit code is 1 if any trial found a problem.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import psutil

from bench.studies.blocks import cell_line, heading, of_study
from bench.studies.extraction import WORKER, make_pictures
from bench.studies.files import write_json
from bench.studies.parts import stored_rows
from tl_core import cluster
from tlbench.machine.fingerprint import fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

VICTIMS = ("worker", "driver", "node")
MOMENTS = ("at a random moment", "between write and rename")
#: Seconds in which a run must end.
LIMIT_S = 600.0
#: Seconds between two looks for a file that is being written.
LOOK_S = 0.0005
#: Options of the runs: many small shards, so that many are written.
OPTIONS = ("--shard-size", "32", "--image-size", "64", "--threads", "1", "--engine", "tensorflow")


class Machines:
    """The cluster of the trials."""

    def __init__(self) -> None:
        os.environ.update(cluster.ENVIRONMENT)
        from ray.cluster_utils import Cluster

        self.cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
        self.nodes = [self._node() for _ in range(2)]

    def _node(self) -> Any:  # noqa: ANN401 - Ray's
        return self.cluster.add_node(num_cpus=1, wait=True)

    @property
    def address(self) -> str:
        """As for ``--ray``."""
        address: str = self.cluster.address
        return address

    def workers(self) -> list[psutil.Process]:
        """The living workers of any run."""
        workers = []
        for each in psutil.Process().children(recursive=True):
            with suppress(psutil.Error):
                if WORKER in " ".join(each.cmdline()):
                    workers.append(each)
        return workers

    def kill_node(self, which: int) -> None:
        """Kill all processes of a node."""
        self.cluster.remove_node(self.nodes.pop(which), allow_graceful=False)

    def mend(self) -> None:
        """Start a node for each one that was killed."""
        while len(self.nodes) < 2:
            self.nodes.append(self._node())

    def close(self) -> None:
        """End all of it."""
        self.cluster.shutdown()


@contextmanager
def driver(machines: Machines, pictures: Path, output: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that has begun; it is killed if it is still there after the block."""
    command = [sys.executable, "-m", "tlbench", "extract", str(pictures), "-o", str(output)]
    with (output.parent / f"{output.name}.log").open("w+") as log:
        process = subprocess.Popen(  # noqa: S603 - ours
            [*command, "--ray", machines.address, *OPTIONS], stdout=log, stderr=log, text=True
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def whole_run(machines: Machines, pictures: Path, output: Path) -> tuple[float, float]:
    """Seconds until a run's manifest was there, and until it ended.

    Raises:
        RuntimeError: It failed.
    """
    start = time.perf_counter()
    with driver(machines, pictures, output) as process:
        while not (output / "_manifest.json").exists() and process.poll() is None:
            time.sleep(0.01)
        ready = time.perf_counter() - start
        code = process.wait(LIMIT_S)
    if code:
        raise RuntimeError(f"exit code {code}: {_end_of_log(output)}")
    return ready, time.perf_counter() - start


def _end_of_log(output: Path) -> str:
    return (output.parent / f"{output.name}.log").read_text(encoding="utf-8")[-1000:]


class Case(NamedTuple):
    """What is extracted, where to, and what must come out."""

    pictures: Path
    output: Path
    right: Path


def trial(
    machines: Machines, case: Case, victim: str, after_s: float | None, draw: random.Random
) -> dict[str, Any]:
    """Kill one thing, ``after_s`` after the start or, if None, while a shard is written."""
    pictures, output, right = case
    with driver(machines, pictures, output) as process:
        if after_s is None:
            skip = draw.randrange(4)
            hit = _wait_for_part(output, process, skip)
        else:
            with suppress(subprocess.TimeoutExpired):
                process.wait(after_s)
            hit = process.poll() is None
        _kill(machines, victim, process, draw)
        left = len(list(output.glob(".*.part")))
        try:
            code: int | None = process.wait(LIMIT_S)
        except subprocess.TimeoutExpired:
            code = None
    machines.mend()
    problems = []
    if victim != "driver" and code != 0:
        problems.append(f"exit code {code} by itself: {_end_of_log(output)}")
    if code != 0:
        try:
            whole_run(machines, pictures, output)
        except (RuntimeError, subprocess.TimeoutExpired) as error:
            problems.append(f"run again: {error}")
    return {
        "victim": victim,
        "after_s": after_s,
        "hit": hit,
        "parts_after_kill": left,
        "problems": problems + list(_differences(output, right)),
    }


def _wait_for_part(output: Path, process: subprocess.Popen[str], skip: int) -> bool:
    """Wait until a shard is being written, after ``skip`` others; False if the run ended first."""
    listed: set[str] = set()
    while process.poll() is None:
        with suppress(FileNotFoundError):
            names = {each for each in os.listdir(output) if each.startswith(".part-")}  # noqa: PTH208 - the fastest
            listed |= names
            if names and len(listed) > skip:
                return True
        time.sleep(LOOK_S)
    return False


def _kill(
    machines: Machines, victim: str, process: subprocess.Popen[str], draw: random.Random
) -> None:
    if victim == "driver":
        process.kill()
    elif victim == "node":
        machines.kill_node(draw.randrange(2))
    elif workers := machines.workers():
        with suppress(psutil.Error):
            draw.choice(workers).send_signal(signal.SIGKILL)


def _differences(output: Path, right: Path) -> Iterator[str]:
    """What an output has that the right one hasn't, the other way round, and other contents."""
    ours, theirs = ({path.name for path in each.iterdir()} for each in (output, right))
    for name in sorted(ours ^ theirs):
        yield f"{'left over' if name in ours else 'absent'}: {name}"
    for name in sorted(each for each in ours & theirs if each.startswith("part-")):
        if (output / name).read_bytes() != (right / name).read_bytes():
            yield f"{name} differs"


def measure(pictures: int, rounds: int, draw: random.Random) -> Iterator[list[dict[str, Any]]]:
    """Rounds of trials: each victim, at a random moment and during a write."""
    machines = Machines()
    try:
        with tempfile.TemporaryDirectory(prefix="extraction-kills-") as name:
            place = Path(name)
            make_pictures(place / "pictures", "photo-patches", pictures)
            whole_run(machines, place / "pictures", place / "warm-up")
            _, end = whole_run(machines, place / "pictures", place / "right")
            for number in range(rounds):
                rows = []
                for victim in VICTIMS:
                    for after in (draw.uniform(0.5, end), None):
                        output = place / f"{victim} {number} {after is None}"
                        case = Case(place / "pictures", output, place / "right")
                        rows.append(trial(machines, case, victim, after, draw))
                        print(rows[-1], flush=True)  # noqa: T201
                yield rows
    finally:
        machines.close()


def table(study: dict[str, Any]) -> str:
    """By victim and moment: trials, what the kill met, and how many ended as they must."""
    lines = heading("killed", "when", "trials", "during the run", "left an unfinished file",
                    "survived", texts=["when"])  # fmt: skip
    rows = study["trials"]
    for key in dict.fromkeys((row["victim"], row["after_s"] is None) for row in rows):
        alike = [row for row in rows if (row["victim"], row["after_s"] is None) == key]
        lines.append(cell_line([
            key[0], MOMENTS[key[1]], str(len(alike)), str(sum(row["hit"] for row in alike)),
            str(sum(row["parts_after_kill"] > 0 for row in alike)),
            f"{sum(not row['problems'] for row in alike)} of {len(alike)}",
        ]))  # fmt: skip
    return "\n".join(lines)


BLOCKS = (of_study("extraction kills", "extraction-kills.json", table),)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="result of the study")
    parser.add_argument("--trials", type=int, default=25, help="of each victim and moment")
    parser.add_argument("--pictures", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0, help="random seed of the moments")
    chosen = parser.parse_args(arguments)
    rows = stored_rows(chosen.file, "trials")
    earlier = len(rows) // len(VICTIMS) // len(MOMENTS)
    draw = random.Random(chosen.seed + earlier)  # noqa: S311 - no secret
    for further in measure(chosen.pictures, chosen.trials - earlier, draw):
        rows += further
        write_json(chosen.file, {"trials": rows, "machine": fingerprint()})
    if any(row["problems"] for row in rows):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
