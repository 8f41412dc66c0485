"""Workers on a Ray cluster: an actor each, with the model opened once."""

from __future__ import annotations

import logging
from collections import Counter, deque
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tl_core.cluster import nodes
from tl_core.errors import ClusterError, DataError, TransferLearningError, line_of
from tl_core.extraction.pool import IN_FLIGHT
from tl_core.extraction.settings import check_same

if TYPE_CHECKING:
    from tl_core.extraction.plan import Shard
    from tl_core.extraction.shard_file import Done
    from tl_core.extraction.spent import Spent
    from tl_core.extraction.worker import Job, Worker

log = logging.getLogger(__name__)

#: How many workers may end while they have the same shard.
LIVES = 3
#: Seconds in which one worker must be ready: models are downloaded and converted meanwhile.
START_S = 1800.0
#: What a worker that differs from the first is told to do.
SAME = "install the same versions on all machines"


class Actor:
    """A worker in a process of its own, wherever Ray starts it."""

    worker: Worker

    def open(self, job: Job) -> tuple[dict[str, Any], dict[str, Any]]:
        """Open the worker; returns its facts, and its machine's."""
        from tl_core.extraction.worker import Worker

        self.worker = Worker(job)
        return self.worker.facts, self.worker.machine

    def extract(self, shard: Shard) -> Done:
        """Extract a shard and write it, while another one is extracted."""
        return self.worker.submit(shard).result()

    def spent(self) -> Spent:
        """Where the worker's time went so far."""
        return self.worker.spent


class RayPool:
    """Workers on the cluster to which this process is connected.

    A worker that dies is replaced, and its shards are extracted again: a shard's file is the same,
    whoever writes it, so that one that was written after all does no harm.

    Args:
        ray: The connected module ``ray``.
        workers: Number of workers; None takes as many as the CPUs allow, with ``threads`` each;
            one per node if that is None, too.
        threads: CPUs of each worker; None shares out those of the nodes.

    Raises:
        ClusterError: The cluster hasn't so many CPUs.
    """

    #: What runs in a worker's process.
    actor: type = Actor

    def __init__(
        self,
        ray: Any,  # noqa: ANN401 - a module
        workers: int | None = None,
        threads: int | None = None,
    ) -> None:
        self._ray = ray
        self._count, self.threads = shared_out([node.cpus for node in nodes(ray)], workers, threads)
        self._job: Job | None = None
        self._facts: dict[str, Any] = {}
        self._machines: dict[Any, dict[str, Any]] = {}
        #: By the reference that Ray answers: workers that start, and shards in progress.
        self._starting: dict[Any, Any] = {}
        self._running: dict[Any, tuple[Any, Shard]] = {}
        #: Shards of workers that died: each is then given to a worker that has nothing else, so
        #: that it is known which one is to blame.
        self._again: deque[Shard] = deque()
        self._deaths: Counter[int] = Counter()
        self._failed_starts = 0

    def open(self, job: Job) -> dict[str, Any]:
        """Start the first worker; see ``Pool.open``."""
        self._job = self._own(job)
        self._start_worker()
        while not self._machines:
            self.wait()
        return self._facts

    def start(self, job: Job, facts: dict[str, Any]) -> None:
        """Start the others; shards are handed out before they are ready."""
        self._job, self._facts = self._own(job), facts
        for _ in range(self._count - 1):
            self._start_worker()

    def wait_until_ready(self) -> None:
        """Wait until all workers have opened the model; call it before the first shard.

        ClusterError if some of them can't be started.
        """
        while self._starting:
            self.wait()
        if len(self._machines) < self._count:
            raise ClusterError(
                f"{len(self._machines)} of {self._count} workers can be started; look at the "
                "nodes' memory and at Ray's logs"
            )

    def spent(self) -> list[Spent]:
        """Where the time of each living worker went so far."""
        spent: list[Spent] = self._ray.get([each.spent.remote() for each in self._machines])
        return spent

    @property
    def machines(self) -> list[dict[str, Any]]:
        """Of the workers that live, by host."""
        return sorted(self._machines.values(), key=lambda each: str(each["host"]))

    @property
    def has_room(self) -> bool:
        """Whether a living worker has fewer than ``IN_FLIGHT`` shards, and none waits for one."""
        return not self._again and self._free() is not None

    @property
    def is_busy(self) -> bool:
        """Whether shards are in progress or have to be extracted again."""
        return bool(self._running or self._again)

    def submit(self, shard: Shard) -> None:
        """Hand out a shard to the worker that has the fewest."""
        self._hand_out(shard, self._free())

    def wait(self) -> list[Done]:
        """Wait until a shard is finished, or a worker is ready or has died; see ``Pool.wait``."""
        references = [*self._running, *self._starting]
        ready, _ = self._ray.wait(references, timeout=None if self._running else START_S)
        if not ready:
            raise ClusterError(
                f"no worker was ready within {START_S:.0f} s: the cluster's CPUs are used by "
                "others, or its nodes are gone; look at ray status, then run it again: finished "
                "shards stay"
            )
        done = [each for reference in ready for each in self._answer(reference)]
        while self._again and (actor := self._free(1)) is not None:
            self._hand_out(self._again.popleft(), actor)
        return done

    def close(self) -> None:
        """End the workers."""
        for actor in {*self._machines, *self._starting.values()}:
            self._ray.kill(actor)
        self._machines.clear()

    def _own(self, job: Job) -> Job:
        return replace(job, settings=replace(job.settings, threads=self.threads))

    def _hand_out(self, shard: Shard, actor: Any) -> None:  # noqa: ANN401 - an actor's handle
        self._running[actor.extract.remote(shard)] = actor, shard

    def _free(self, most: int = IN_FLIGHT) -> Any | None:  # noqa: ANN401 - an actor's handle
        """The worker with the fewest shards, fewer than ``most``; None if there is none."""
        loads = dict.fromkeys(self._machines, 0)
        for actor, shard in self._running.values():
            loads[actor] += IN_FLIGHT if shard.number in self._deaths else 1
        actor = min(loads, key=lambda each: loads[each], default=None)
        return actor if actor is not None and loads[actor] < most else None

    def _start_worker(self) -> None:
        assert self._job is not None  # noqa: S101 - set by open
        gpu = self._job.settings.device != "cpu"
        kind = self._ray.remote(self.actor).options(
            num_cpus=self.threads, num_gpus=1 if gpu else 0, max_concurrency=IN_FLIGHT
        )
        actor = kind.remote()
        self._starting[actor.open.remote(self._job)] = actor

    def _answer(self, reference: Any) -> list[Done]:  # noqa: ANN401 - Ray's
        starts = reference in self._starting
        actor = self._starting[reference] if starts else self._running[reference][0]
        try:
            answer = self._ray.get(reference)
        except self._ray.exceptions.RayActorError as error:
            self._lost(actor, error)
            return []
        except self._ray.exceptions.RayTaskError as error:
            raise _own_error(error) from error
        if not starts:
            del self._running[reference]
            return [answer]
        del self._starting[reference]
        facts, machine = answer
        if self._facts:
            check_same(facts, self._facts, "the first worker has", SAME)
        self._facts, self._machines[actor] = facts, machine
        self._failed_starts = 0
        return []

    def _lost(self, actor: Any, error: Exception) -> None:  # noqa: ANN401 - an actor's handle
        """Replace a worker that died, and extract its shards again."""
        machine = self._machines.pop(actor, None)
        self._starting = {k: each for k, each in self._starting.items() if each != actor}
        lost = [(k, shard) for k, (each, shard) in self._running.items() if each == actor]
        for reference, shard in lost:
            del self._running[reference]
            self._deaths[shard.number] += 1
            if self._deaths[shard.number] >= LIVES:
                raise DataError(
                    f"{shard.file}: {LIVES} workers died while they had it ({line_of(error)}); "
                    f"look for a picture that ends them, from {shard.names[0]} to "
                    f"{shard.names[-1]}, and at their memory; finished shards stay"
                )
            self._again.append(shard)
        if machine is None:
            self._failed_starts += 1
            if self._failed_starts >= LIVES:
                self._go_on_with_the_others(error)
                return
        where = "" if machine is None else f" on {machine['host']}"
        log.warning("a worker%s died: another one is started, for its shards, too", where)
        self._start_worker()

    def _go_on_with_the_others(self, error: Exception) -> None:
        """Don't replace a worker, after several that died before they were ready."""
        died = f"{LIVES} workers died before they were ready ({line_of(error)})"
        if not self._machines and not self._starting:
            raise ClusterError(
                f"{died}; look at their memory and at Ray's logs, then run it again: finished "
                "shards stay"
            )
        log.warning("%s: the others go on", died)
        self._failed_starts = 0


def shared_out(cpus: list[int], workers: int | None, threads: int | None) -> tuple[int, int]:
    """Number of workers, and threads of each, on nodes with so many CPUs.

    Raises:
        ClusterError: They don't fit on the nodes.
    """
    if not cpus:
        raise ClusterError("the cluster has no node with CPUs; start nodes: ray start")
    if threads is None:
        threads = min(cpus) if workers is None else max(1, min(sum(cpus) // workers, *cpus))
        while workers is not None and threads > 1 and _places(cpus, threads) < workers:
            threads -= 1
    places = _places(cpus, threads)
    count = workers or places
    if not 1 <= count <= places:
        raise ClusterError(
            f"{count} workers of {threads} CPUs: the cluster's nodes, of "
            f"{', '.join(map(str, cpus))} CPUs, have room for {places}; use fewer of them"
        )
    return count, threads


def _places(cpus: list[int], threads: int) -> int:
    return sum(each // threads for each in cpus)


def _own_error(error: Any) -> TransferLearningError:  # noqa: ANN401 - a RayTaskError
    """What a worker raised."""
    cause = error.cause
    if isinstance(cause, TransferLearningError):
        return cause
    return ClusterError(
        f"a worker failed ({type(cause).__name__}: {line_of(cause)}); finished shards stay"
    )
