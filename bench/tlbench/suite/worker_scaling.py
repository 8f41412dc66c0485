"""How extraction gains from more workers of a Ray cluster: 1, 2, 4 and so on, and all."""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median, median_low
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from tl_core.cluster import check_address
from tl_core.errors import ClusterError
from tl_core.extraction import extract, find_source
from tl_core.extraction.output import output_at
from tl_core.extraction.ray_pool import Actor, RayPool, shared_out
from tl_core.extraction.spent import TIMED, Spent
from tl_core.extraction.worker import Job
from tlbench.errors import OptionError
from tlbench.runs.row import CpuTime, Scaling
from tlbench.suite.picture_files import HEIGHT, WIDTH

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tl_core.cluster import Node
    from tl_core.extraction import Settings

#: Shards of each worker where there are most of them, so that their ends are even.
SHARDS = 8


def check_cluster(address: str) -> None:
    """Refuse, with an OptionError, a cluster that can't be there; nothing is imported."""
    try:
        check_address(address)
    except ClusterError as error:
        raise OptionError(f"--ray {address}: {error}") from error


def most_workers(nodes: Sequence[Node], threads: int | None) -> tuple[int, int]:
    """How many workers the nodes have room for, and the threads of each.

    Args:
        nodes: The cluster's.
        threads: Those of a worker; None takes one thread on a single node, else a worker per node.

    Raises:
        ClusterError: There is no room for one.
    """
    cpus = [node.cpus for node in nodes]
    return shared_out(cpus, None, threads or (1 if len(cpus) == 1 else None))


def shard_size(images: int, workers: int, batch_size: int) -> int:
    """Images per shard, full batches, so that each worker gets ``SHARDS`` where there are enough.

    ``images`` are those of all workers together.
    """
    return batch_size * max(1, images // (workers * SHARDS * batch_size))


class ReadyActor(Actor):
    """A worker that has run its network once when it is open: graphs and kernels are compiled."""

    def open(self, job: Job) -> tuple[dict[str, Any], dict[str, Any]]:
        """As of any worker."""
        facts = super().open(job)
        images = np.zeros((job.settings.batch_size, HEIGHT, WIDTH, 3), np.uint8)
        self.worker.extractor.extract(images, batch_size=job.settings.batch_size)
        return facts


class ReadyPool(RayPool):
    """Workers that are ready before the run begins; ``start_s`` is how long it took."""

    actor = ReadyActor
    start_s = 0.0
    at_end: tuple[Spent, ...] = ()

    def prepare(self, job: Job) -> None:
        """Start all workers for the only job that will be run."""
        start = perf_counter()
        try:
            facts = super().open(job)
            settings, first = job.settings.as_resolved(facts), self.machines[0]
            super().start(replace(job, settings=settings, like=first), facts)
            self.wait_until_ready()
        except BaseException:
            super().close()
            raise
        self.start_s = perf_counter() - start

    def open(self, job: Job) -> dict[str, Any]:  # noqa: ARG002 - it is ready for this one
        """What the first worker said."""
        return self._facts

    def start(self, job: Job, facts: dict[str, Any]) -> None:
        """Do nothing: they have started."""

    def close(self) -> None:
        """End the workers, and note where their time went if the job is done."""
        if not self.is_busy:
            self.at_end = tuple(self.spent())
        super().close()


@dataclass(frozen=True)
class Turn:
    """An extraction by some workers.

    Attributes:
        seconds: From the listing of the pictures to the last shard, all workers ready before.
        start_s: Seconds until they were.
        spent: Of each worker.
        place: The folder of its files, until it is ``collected``.
        written: Bytes of all files of features, once it is.
        shards: The sha256 of each, by name.
    """

    workers: int
    threads: int
    images: int
    seconds: float
    start_s: float
    spent: tuple[Spent, ...]
    place: Path
    written: int = 0
    shards: Mapping[str, str] = field(default_factory=dict)

    @property
    def images_per_s(self) -> float:
        """Throughput of all workers."""
        return self.images / self.seconds

    @property
    def cpu_time(self) -> CpuTime:
        """CPU time per image that the workers had, by what it went to."""
        total: Counter[str] = Counter()
        for each in self.spent:
            total.update(vars(each))
        used = {name: total[name] / self.images for name in (*TIMED, "network")}
        had = self.workers * self.threads * self.seconds / self.images
        busy = self.threads * total["busy"] / self.images
        return CpuTime(
            **used,
            waiting=max(0.0, busy - sum(used.values())),
            scheduling=max(0.0, had - max(busy, sum(used.values()))),
        )


class Turns:
    """Extractions of picture files by workers that are started anew for each.

    Args:
        ray: The connected module ``ray``.
        paths: The files; each extraction takes the first so many.
        settings: How they are extracted; ``threads`` are those of each worker.
        folder: For lists and outputs, on a file system that all nodes see.
    """

    def __init__(
        self,
        ray: Any,  # noqa: ANN401 - a module
        paths: Sequence[Path],
        settings: Settings,
        folder: Path,
    ) -> None:
        self._ray, self.settings, self._folder = ray, settings, folder
        self._paths = [path.absolute() for path in paths]
        self._count = 0

    def ready(self, workers: int, images: int) -> tuple[ReadyPool, Job]:
        """Workers that wait for a job.

        Raises:
            TransferLearningError: They can't be started, or don't see the files.
        """
        self._count += 1
        place = self._folder / f"extraction-{self._count}"
        place.mkdir()
        names = place / "names.txt"
        names.write_text("".join(f"{path}\n" for path in self._paths[:images]), encoding="utf-8")
        output = output_at(str(place / "features"))
        pool = ReadyPool(self._ray, workers, self.settings.threads)
        job = Job(find_source(str(names)), output, self.settings, visible=str(self._paths[0]))
        with output.locked():  # workers look for a folder that is being used
            pool.prepare(job)
        return pool, job

    def timed(self, ready: tuple[ReadyPool, Job]) -> Turn:
        """Run a job; nothing else is in its time.

        Raises:
            AssertionError: A picture has no features.
            TransferLearningError: See ``extract``.
        """
        pool, job = ready
        start = perf_counter()
        done = extract(job.source, job.output.place, self.settings, pool=pool)
        seconds = perf_counter() - start
        assert not done.errors, f"{done.errors} of {done.pictures} pictures have no features"
        return Turn(
            len(pool.at_end), pool.threads, done.pictures, seconds, pool.start_s, pool.at_end,
            Path(job.output.place),
        )  # fmt: skip

    def run(self, workers: int, images: int) -> Turn:
        """Start workers, run a job, and collect it."""
        return collected(self.timed(self.ready(workers, images)))


def collected(turn: Turn) -> Turn:
    """The same turn with what its files were, which are removed."""
    files = list(turn.place.glob("part-*.parquet"))
    shards = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
    written = sum(path.stat().st_size for path in files)
    shutil.rmtree(turn.place.parent)
    return replace(turn, written=written, shards=shards)


def check_turns(turns: Sequence[Turn]) -> None:
    """The same pictures give the same files of features, byte for byte, whoever extracts them."""
    most = max(turns, key=lambda turn: turn.images)
    for turn in turns:
        # With fewer images, the last shard has fewer, too.
        last = max(turn.shards) if turn.images < most.images else None
        names = sorted(turn.shards.keys() - {last})
        different = [name for name in names if turn.shards[name] != most.shards.get(name)]
        assert not different, f"{turn.workers} workers: other features in {', '.join(different)}"


def worker_scaling(turns: Mapping[int, Sequence[Turn]]) -> tuple[Scaling, ...]:
    """The median of each number of workers, and its share of so many times that of one."""
    points = []
    for count, several in sorted(turns.items()):
        by_rate = sorted(several, key=lambda turn: turn.images_per_s)
        middle = median_low(range(len(by_rate)))
        rate = median(turn.images_per_s for turn in several)
        one = median(turn.images_per_s for turn in turns[1])
        points.append(
            Scaling(
                count, rate, rate / (count * one),
                images=several[0].images, threads=several[0].threads,
                start_s=median(turn.start_s for turn in several),
                cpu_time=by_rate[middle].cpu_time,
            )
        )  # fmt: skip
    return tuple(points)
