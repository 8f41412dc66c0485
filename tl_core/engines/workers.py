"""Replicas of a network in parallel: each runs small chunks of a batch on its own threads."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tl_core.devices import usable_cpus
from tl_core.engines.memory import run_in_chunks
from tl_core.engines.protocol import checked_input
from tl_core.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tl_core.conversion.opening import Conversion
    from tl_core.models.settings import NetworkSettings


#: Images that a replica runs at once by default.
CHUNK = 4


class Replica(Protocol):
    """One worker's network; only one thread at a time calls it."""

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run a chunk: uint8 ``(k, size, size, 3)`` to float32 ``(k, d)``, a fresh array."""


class WorkerNetwork:
    """A network whose replicas share a batch: each free replica takes the next chunk.

    Several replicas with one thread each may be faster than one with many threads: a pilot decides,
    see ``tuning``. Run ``in_flight`` batches from several threads at once for full speed: then no
    replica waits at the end of a batch while another one is still busy.

    The replicas, at least one, are used by nothing else. Each runs ``chunk`` images at once: half
    of them for good where they don't fit into memory, which is logged. DeviceError of a call: a
    single image doesn't fit.
    """

    device, module = "CPU:0", None

    def __init__(
        self, replicas: Sequence[Replica], *, image_size: int, output_size: int, chunk: int
    ) -> None:
        self.image_size, self.output_size, self.chunk = image_size, output_size, chunk
        self.workers = len(replicas)
        self.in_flight = 2 if self.workers > 1 else 1
        self._free: SimpleQueue[Replica] = SimpleQueue()
        self._lock = threading.Lock()
        for replica in replicas:
            self._free.put(replica)
        self._pool = ThreadPoolExecutor(self.workers, thread_name_prefix="network")

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run one batch; see ``tl_core.engines.Network``."""
        pixels = checked_input(images, self.image_size)
        parts = [pixels[i : i + self.chunk] for i in range(0, len(pixels), self.chunk)]
        if not parts:
            return np.empty((0, self.output_size), np.float32)
        return np.concatenate(list(self._pool.map(self._run, parts)))

    def _run(self, part: NDArray[np.uint8]) -> NDArray[np.float32]:
        return run_in_chunks(self, self._on_a_replica, part, self._lock)

    def _on_a_replica(self, part: NDArray[np.uint8]) -> NDArray[np.float32]:
        replica = self._free.get()
        try:
            return replica(part)
        finally:
            self._free.put(replica)


class Filled:
    """A replica that takes exactly ``batch`` images at once: a smaller part is filled up."""

    def __init__(self, replica: Replica, batch: int) -> None:
        self._replica, self._batch = replica, batch

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run a chunk; see ``Replica``."""
        filled = np.pad(images, ((0, -len(images) % self._batch), (0, 0), (0, 0), (0, 0)))
        outputs = [
            self._replica(filled[first : first + self._batch])
            for first in range(0, len(filled), self._batch)
        ]
        return np.concatenate(outputs)[: len(images)]


def network_of(
    conversion: Conversion, settings: NetworkSettings, replica: Callable[[int], Replica]
) -> WorkerNetwork:
    """The replicas, each made with its number of threads; see ``shared_out``."""
    workers, threads = shared_out(settings)
    replicas = [replica(threads) for _ in range(workers)]
    if conversion.batch is not None:
        replicas = [Filled(each, conversion.batch) for each in replicas]
    return WorkerNetwork(
        replicas,
        image_size=conversion.image_size,
        output_size=conversion.output_size,
        chunk=settings.chunk or CHUNK,
    )


def shared_out(settings: NetworkSettings) -> tuple[int, int]:
    """Workers, by default and at most one per thread (else ModelError), and threads of each."""
    threads = settings.threads or usable_cpus()
    workers = settings.workers or threads
    if workers > threads:
        raise ModelError(f"{workers} workers on {threads} thread(s): expected at most {threads}")
    return workers, threads // workers
