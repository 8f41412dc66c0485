"""What each further worker adds to the driver's time per shard, without so many machines.

The driver looks at every worker before it hands out a shard, and Ray's ``wait`` at every shard in
progress. A stand-in for the module ``ray`` answers at once for any number of workers; its ``wait``
calls Ray's own with as many references.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from tl_core.extraction import Settings, extract, find_source
from tl_core.extraction.ray_pool import RayPool
from tl_core.extraction.shard_file import Done

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tl_core.extraction.plan import Shard
    from tl_core.extraction.worker import Job

#: Numbers of workers that are compared.
FEW, MANY = 2, 1000
#: Shards of each of many workers, so that most are handed out while all are busy.
EACH = 6


class Crowd:
    """Stands for the connected module ``ray``, with workers that do nothing.

    Args:
        ray: The real one, for its ``wait``.
        workers: Number of nodes, of a CPU each.
    """

    exceptions = SimpleNamespace(RayActorError=ConnectionError, RayTaskError=ChildProcessError)

    def __init__(self, ray: Any, workers: int) -> None:  # noqa: ANN401 - a module
        self._wait, self._workers = ray.wait, workers
        self._real = [ray.put(number) for number in range(3 * workers)]
        self._answers: dict[object, Any] = {}

    def nodes(self) -> list[dict[str, Any]]:
        """As Ray describes them."""
        one = {"Alive": True, "Resources": {"CPU": 1.0}, "NodeManagerHostname": "here"}
        return [one | {"NodeID": str(number)} for number in range(self._workers)]

    def remote(self, _: type) -> Any:  # noqa: ANN401 - as Ray's
        """A class of actors whose calls are answered here."""
        return SimpleNamespace(options=lambda **_: SimpleNamespace(remote=self._actor))

    def wait(self, references: list[object], timeout: float | None = None) -> Any:  # noqa: ANN401
        """The newest reference is ready: workers that start come after shards."""
        self._wait(self._real[: len(references)], timeout=timeout)
        return references[-1:], references[:-1]

    def get(self, reference: object) -> Any:  # noqa: ANN401 - any answer
        """What was answered."""
        return self._answers.pop(reference)

    def kill(self, actor: object) -> None:
        """Do nothing."""

    def _actor(self) -> Actor:
        return Actor(self._answer)

    def _answer(self, value: object) -> object:
        reference = object()
        self._answers[reference] = value
        return reference


class Actor:
    """A handle of an actor; calls are answered at once."""

    def __init__(self, answer: Callable[[object], object]) -> None:
        self.open = SimpleNamespace(remote=lambda job: answer((_facts(job), {"host": "here"})))
        self.extract = SimpleNamespace(remote=lambda shard: answer(_done(shard)))


def _facts(job: Job) -> dict[str, Any]:
    return {name: getattr(job.settings, name) for name in ("engine", "image_size", "chunk")}


def _done(shard: Shard) -> Done:
    return Done(shard.number, len(shard.names), 0)


def further_worker_s(ray: Any, names: Path, count: int, folder: Path) -> float:  # noqa: ANN401
    """Seconds per shard that each further worker adds.

    Args:
        ray: The connected module ``ray``.
        names: A folder of pictures, whose names alone are used.
        count: How many they are.
        folder: For outputs.
    """
    size = max(1, count // (MANY * EACH))
    few, many = (_per_shard(Crowd(ray, n), names, folder / str(n), size) for n in (FEW, MANY))
    return max(0.0, (many - few) / (MANY - FEW))


def _per_shard(crowd: Crowd, names: Path, output: Path, size: int) -> float:
    settings = Settings(shard_size=size)
    done = extract(find_source(str(names)), str(output), settings, pool=RayPool(crowd))
    return done.seconds / done.shards
