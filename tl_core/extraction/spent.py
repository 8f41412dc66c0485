"""Where the time of a worker goes: counters that all of its threads add to."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Phases that a single thread does from begin to end, so that its own CPU time is theirs.
TIMED = ("read", "decode", "resize", "write")


@dataclass(frozen=True)
class Spent:
    """Where a worker's time went since it was given its first shard, in seconds.

    Attributes:
        read: CPU time of reading the pictures' bytes, and of their hashes.
        decode: CPU time of decoding them.
        resize: CPU time of resizing them to the network's input.
        network: CPU time of all else that its process does, nearly all of it the network's.
        write: CPU time of making the files of shards and writing them.
        busy: Time during which it had a shard, whatever its CPUs did.
    """

    read: float
    decode: float
    resize: float
    network: float
    write: float
    busy: float


class Counters:
    """Adds up what becomes ``Spent``; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._cpu_s = dict.fromkeys(TIMED, 0.0)
        self._begun: float | None = None
        self._shards = 0
        self._since = self._busy_s = 0.0

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        """Add this thread's CPU time during the block to a phase, one of ``TIMED``."""
        start = time.thread_time()
        try:
            yield
        finally:
            seconds = time.thread_time() - start
            with self._lock:
                self._cpu_s[phase] += seconds

    def begin(self) -> None:
        """Note that the worker was given a shard."""
        with self._lock:
            if self._begun is None:
                self._begun = time.process_time()
            if not self._shards:
                self._since = time.perf_counter()
            self._shards += 1

    def end(self) -> None:
        """Note that a shard is finished, or can't be."""
        with self._lock:
            self._shards -= 1
            if not self._shards:
                self._busy_s += time.perf_counter() - self._since

    @property
    def spent(self) -> Spent:
        """All so far; shards in progress don't count as busy yet."""
        with self._lock:
            cpu_s, busy_s = dict(self._cpu_s), self._busy_s
            whole = 0.0 if self._begun is None else time.process_time() - self._begun
        return Spent(**cpu_s, network=max(0.0, whole - sum(cpu_s.values())), busy=busy_s)
