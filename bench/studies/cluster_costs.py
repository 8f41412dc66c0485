"""What extraction on a cluster costs, measured on this machine for ``cluster_model``.

One worker and two, of a thread each, extract the workload's pictures as JPEG files in alternating
turns. Names are listed in a folder of empty files. Scheduling is that of workers which answer at
once; ``cluster_crowd`` says what more of them add.
"""

from __future__ import annotations

import tempfile
import time
from dataclasses import asdict, replace
from pathlib import Path
from statistics import fmean, median
from typing import TYPE_CHECKING, Any

from bench.studies.cluster_crowd import further_worker_s
from bench.studies.cluster_model import PHASES, Costs
from tl_core.cluster import connected
from tl_core.data import load_data
from tl_core.extraction import Settings, extract, find_source
from tl_core.extraction.plan import shards
from tl_core.extraction.ray_pool import Actor, RayPool
from tl_core.extraction.shard_file import Done
from tlbench.machine.fingerprint import fingerprint
from tlbench.suite.extraction import settings_of
from tlbench.suite.picture_files import PictureFiles
from tlbench.suite.worker_scaling import Turn, Turns, check_turns, shard_size, worker_scaling
from tlbench.suite.workloads import QUICK

if TYPE_CHECKING:
    from tl_core.extraction.plan import Shard
    from tl_core.extraction.worker import Job
    from tlbench.runs.row import Scaling

#: Threads of a worker, so that two fit on the smallest machines.
THREADS = 1
#: Numbers of workers: the first one's costs are the model's, the second one checks it.
WORKERS = (1, 2)


class IdleActor(Actor):
    """A worker that answers at once: what is left is the driver's time, and Ray's."""

    def open(self, job: Job) -> tuple[dict[str, Any], dict[str, Any]]:
        """Open nothing."""
        settings = job.settings
        facts = {name: getattr(settings, name) for name in ("engine", "image_size", "chunk")}
        return facts, {"host": "here"}

    def extract(self, shard: Shard) -> Done:
        """Say that it is done."""
        return Done(shard.number, len(shard.names), 0)


class IdlePool(RayPool):
    """Workers that do nothing."""

    actor = IdleActor

    def start(self, job: Job, facts: dict[str, Any]) -> None:
        """Start the others and wait for them, so that their start isn't scheduling."""
        super().start(job, facts)
        self.wait_until_ready()


def measure(files: int, listed: int, rounds: int, planned_size: int) -> dict[str, Any]:
    """The costs, and what two workers did.

    Args:
        files: Pictures that are extracted.
        listed: Names that are listed, and scheduled in shards of ``planned_size``.
        rounds: Turns of each number of workers.
        planned_size: Pictures per shard.
    """
    with tempfile.TemporaryDirectory(prefix="cluster-") as name, connected("local") as ray:
        folder = Path(name)
        names = make_names(folder / "names", listed)
        turns, settings, bytes_in = extracted(ray, folder, files, rounds)
        one, two = worker_scaling(turns)
        costs = Costs(
            list_s=listing_s(names, planned_size),
            schedule_s=scheduling_s(ray, names, folder / "nothing", planned_size),
            further_s=further_worker_s(ray, names, listed, folder / "crowd"),
            **_of_worker(one),
            bytes_in=bytes_in,
            bytes_out=turns[1][0].written / turns[1][0].images,
        )
    return {
        "costs": asdict(costs),
        "check": {
            "pictures": two.images,
            "shard_size": settings.shard_size,
            "one": [turn.images_per_s for turn in turns[1]],
            "images_per_s": [turn.images_per_s for turn in turns[2]],
        },
        "model": {"name": settings.model, "image_size": settings.image_size},
        "machine": fingerprint(),
    }


def make_names(folder: Path, count: int) -> Path:
    """A folder of so many empty files with names of pictures."""
    folder.mkdir()
    for number in range(count):
        (folder / f"picture-{number:09}.jpg").touch()
    return folder


def extracted(
    ray: Any,  # noqa: ANN401 - a module
    folder: Path,
    files: int,
    rounds: int,
) -> tuple[dict[int, list[Turn]], Settings, float]:
    """Turns of one worker and of two, their settings, and the mean size of the pictures' files."""
    data = load_data(QUICK.data).head(files, 1)
    paths = PictureFiles(data, folder).source("train", files).paths
    workload = replace(QUICK, threads=THREADS)
    size = shard_size(len(paths), max(WORKERS), QUICK.batch_size)
    runs = Turns(ray, paths, settings_of(workload, size), folder)
    runs.run(1, len(paths))  # converts the model, and reads the files once
    turns: dict[int, list[Turn]] = {count: [] for count in WORKERS}
    for number in range(rounds):
        for count in WORKERS[:: 1 if number % 2 == 0 else -1]:
            turns[count].append(runs.run(count, len(paths)))
    check_turns([turn for several in turns.values() for turn in several])
    return turns, runs.settings, fmean(path.stat().st_size for path in paths)


def _of_worker(one: Scaling) -> dict[str, Any]:
    """A single worker's costs; in its turn it has no other to wait for."""
    parts = {name: getattr(one.cpu_time, name) for name in PHASES}
    return {"start_s": one.start_s, "threads": one.threads, **parts}


def listing_s(names: Path, size: int) -> float:
    """Seconds per name of listing a folder and cutting it into shards; the median of three."""
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        count = sum(len(shard.names) for shard in shards(find_source(str(names)).names(), size))
        seconds.append((time.perf_counter() - start) / count)
    return median(seconds)


def scheduling_s(ray: Any, names: Path, output: Path, size: int) -> float:  # noqa: ANN401
    """Seconds per shard of a run by workers that do nothing, listing left out."""
    settings = Settings(shard_size=size)
    done = extract(
        find_source(str(names)), str(output), settings, pool=IdlePool(ray, len(WORKERS), THREADS)
    )
    return done.seconds / done.shards
