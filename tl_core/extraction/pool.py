"""What extracts shards for a run: workers of some kind, to which they are handed out."""

from __future__ import annotations

from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tl_core.extraction.plan import Shard
    from tl_core.extraction.shard_file import Done
    from tl_core.extraction.worker import Job, Worker

#: Shards that a worker has at once: it reads the next one while it writes the last one.
IN_FLIGHT = 2


class Pool(Protocol):
    """Workers of one job. Used by one thread."""

    def open(self, job: Job) -> dict[str, Any]:
        """Start the first worker; returns its ``Worker.facts``.

        Raises:
            TransferLearningError: It can't be started.
        """

    def start(self, job: Job, facts: dict[str, Any]) -> None:
        """Start the others, whose facts must be these."""

    @property
    def machines(self) -> Sequence[dict[str, Any]]:
        """What the workers so far said of their machines, see ``Worker.machine``."""

    @property
    def has_room(self) -> bool:
        """Whether a shard can be submitted now."""

    @property
    def is_busy(self) -> bool:
        """Whether shards are in progress."""

    def submit(self, shard: Shard) -> None:
        """Hand out a shard."""

    def wait(self) -> list[Done]:
        """Wait until something happens; returns the shards that are finished now, if any are.

        Raises:
            TransferLearningError: A shard can't be extracted or written.
        """

    def close(self) -> None:
        """End the workers; what isn't finished is dropped."""


class OneMachine:
    """One worker in this process."""

    def __init__(self) -> None:
        self._worker: Worker | None = None
        self._running: set[Future[Done]] = set()

    def open(self, job: Job) -> dict[str, Any]:
        """Start the worker; see ``Pool.open``."""
        from tl_core.extraction.worker import Worker

        self._worker = Worker(job)
        return self._worker.facts

    def start(self, job: Job, facts: dict[str, Any]) -> None:
        """Do nothing: there is one worker."""

    @property
    def machines(self) -> list[dict[str, Any]]:
        """This machine."""
        return [self._worker.machine] if self._worker else []

    @property
    def has_room(self) -> bool:
        """Whether a shard can be submitted now."""
        return len(self._running) < IN_FLIGHT

    @property
    def is_busy(self) -> bool:
        """Whether shards are in progress."""
        return bool(self._running)

    def submit(self, shard: Shard) -> None:
        """Hand out a shard, once the worker is open."""
        assert self._worker is not None  # noqa: S101 - the caller's order
        self._running.add(self._worker.submit(shard))

    def wait(self) -> list[Done]:
        """Wait until a shard is finished; see ``Pool.wait``."""
        done, self._running = wait(self._running, return_when=FIRST_COMPLETED)
        return [future.result() for future in done]

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.close()
