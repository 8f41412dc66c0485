"""Choose the number of workers and their chunk by a pilot, once, and cache the choice."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, TypeVar, cast

import numpy as np

from tl_core.conversion.cache import cached_json
from tl_core.conversion.opening import model_facts
from tl_core.devices import cpu_flags, usable_cpus
from tl_core.engines.names import ENGINES
from tl_core.engines.protocol import call_size
from tl_core.equivalence import real_images

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sized

    from numpy.typing import NDArray

    from tl_core.engines.protocol import Network
    from tl_core.engines.workers import WorkerNetwork
    from tl_core.models.module import Model
    from tl_core.models.settings import NetworkSettings

log = logging.getLogger(__name__)

Key = TypeVar("Key")
Images = TypeVar("Images", bound="Sized")

#: Timed calls of each candidate; the candidates alternate.
TURNS = 3
#: Number of the fastest that are timed again, and for how many seconds, ``TURNS`` times at least.
FINALISTS, FINAL_S = 3, 1.0
#: Images that a worker may run at once.
CHUNKS = (1, 2, 4, 8, 16)
#: The least images of a timed call; with many threads, enough to keep all workers busy.
BATCH = 32


@dataclass(frozen=True)
class Choice:
    """The fastest of a pilot: number of replicas, threads per replica, images per call.

    ``images_per_s`` is None if the settings left no choice, so that nothing was timed.
    """

    workers: int
    threads: int
    chunk: int
    images_per_s: float | None


def tuned(
    model: Model,
    engine: str,
    settings: NetworkSettings,
    opened: Callable[[NetworkSettings], Network],
) -> Choice | None:
    """The choice for an engine, from the cache or a pilot now; None for engines without workers.

    Numbers that the settings have are not changed; ``opened`` opens the engine with settings.
    """
    if ENGINES[engine].runtime is None:
        return None
    threads = settings.threads or usable_cpus()
    facts = {
        **model_facts(model, settings.image_size, ENGINES[engine].packages),
        "format": "choice, 3",
        "engine": engine,
        "precision": settings.precision,
        "fallback_size": settings.fallback_size,
        "threads": threads,
        "workers": settings.workers,
        "chunk": settings.chunk,
        "cpu": cpu_flags(),
    }

    def compute() -> dict[str, object]:
        log.info("timing the engine %s with several settings, once", engine)
        return asdict(_piloted(settings, threads, opened))

    return Choice(**cached_json(facts, compute))


def _piloted(
    settings: NetworkSettings, threads: int, opened: Callable[[NetworkSettings], Network]
) -> Choice:
    workers = [settings.workers] if settings.workers else sorted({1, threads})
    networks = [
        cast("WorkerNetwork", opened(replace(settings, workers=count, chunk=1)))
        for count in workers
    ]
    chunks = [settings.chunk] if settings.chunk else CHUNKS
    # Chunks that don't fit into memory: fewer images were run then.
    halved: set[tuple[WorkerNetwork, int]] = set()
    runs = {
        (network, chunk): _with_chunk(network, chunk, halved)
        for network in networks
        for chunk in chunks
    }
    images = real_images(networks[0].image_size, count=max(BATCH, CHUNKS[-1] * threads))
    rates = measured_rates(runs, images)
    fitting = {key: rate for key, rate in rates.items() if key not in halved} or rates
    (network, chunk), rate = max(fitting.items(), key=lambda item: item[1])
    return Choice(network.workers, threads // network.workers, chunk, round(rate, 1))


def _with_chunk(
    network: WorkerNetwork, chunk: int, halved: set[tuple[WorkerNetwork, int]]
) -> Callable[[NDArray[np.uint8]], NDArray[np.float32]]:
    def run(images: NDArray[np.uint8]) -> NDArray[np.float32]:
        network.chunk = chunk
        outputs = network(images)
        if network.chunk < chunk:
            halved.add((network, chunk))
        return outputs

    return run


def fastest(networks: Mapping[str, Network]) -> str:
    """The name of the network with the highest rate, measured now in alternating turns."""
    (size,) = {network.image_size for network in networks.values()}
    images = real_images(size, count=BATCH)
    count = max(call_size(network, BATCH) for network in networks.values())
    rates = measured_rates(networks, np.resize(images, (count, *images.shape[1:])))
    return max(rates, key=lambda name: rates[name])


def measured_rates(
    runs: Mapping[Key, Callable[[Images], object]], images: Images
) -> dict[Key, float]:
    """Images per second of the fastest: the median of their calls, after one warm-up call.

    Each run takes all images at once.
    """
    for run in runs.values():
        run(images)
    seconds: dict[Key, list[float]] = {key: [] for key in runs}

    def take_turns(keys: Iterable[Key], at_least_s: float) -> None:
        begin, turns = perf_counter(), 0
        while turns < TURNS or perf_counter() - begin < at_least_s:
            turns += 1
            for key in keys:
                start = perf_counter()
                runs[key](images)
                seconds[key].append(perf_counter() - start)

    take_turns(runs, 0.0)
    finalists = sorted(runs, key=lambda key: median(seconds[key]))[:FINALISTS]
    take_turns(finalists, FINAL_S)
    return {key: len(images) / median(seconds[key]) for key in finalists}
