"""How many images GPUs run at once: measured once, and cached."""

from __future__ import annotations

import logging
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from tl_core.conversion.cache import cached_json
from tl_core.conversion.opening import model_facts
from tl_core.devices import gpu_names, usable_cpus
from tl_core.engines.device_network import most_at_once
from tl_core.engines.names import ENGINES
from tl_core.engines.tuning import Choice, measured_rates
from tl_core.equivalence import real_images
from tl_core.resize import DEFAULT_METHOD

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from tl_core.devices import Devices
    from tl_core.engines.protocol import ChunkedNetwork, Run
    from tl_core.models.module import Model
    from tl_core.models.settings import NetworkSettings

log = logging.getLogger(__name__)

#: Images that a device may run at once: so far apart that each one's kernels are soon compiled.
CHUNKS = (32, 128, 512, 2048)
#: Where a call takes more seconds than this, larger ones aren't tried.
CALL_S = 0.5
#: The smallest chunk is chosen that reaches this share of the highest rate.
ENOUGH = 0.97
#: Side in pixels of the images that are resized on the device: CIFAR-10's.
SIDE = 32


def tuned_chunk(
    model: Model,
    engine: str,
    devices: Devices,
    settings: NetworkSettings,
    opened: Callable[[NetworkSettings], ChunkedNetwork],
) -> Choice:
    """The chunk for an engine on GPUs, its workers: as set, from the cache, or piloted now.

    ``opened`` opens the engine with settings. Whether the chunk fits into memory by then is only
    seen where the network is run.
    """
    workers, threads = len(devices.names), settings.threads or usable_cpus()
    if settings.chunk is not None:
        return Choice(workers, threads, settings.chunk, None)
    facts = {
        **model_facts(model, settings.image_size, ENGINES[engine].packages),
        "format": "chunk on GPUs, 2",
        "engine": engine,
        "precision": settings.precision,
        "fallback_size": settings.fallback_size,
        "device": settings.device,
        "gpus": gpu_names(settings.device),
    }

    def compute() -> tuple[int, float]:
        log.info("timing the engine %s with several chunks, once", engine)
        return _piloted(opened(settings))

    chunk, images_per_s = cached_json(facts, compute)
    return Choice(workers, threads, chunk, images_per_s)


def _piloted(network: ChunkedNetwork) -> tuple[int, float]:
    """The chunk, and its rate in images per second."""
    most = most_at_once(network.image_size)
    candidates = [chunk for chunk in CHUNKS if chunk <= most] or [most]
    run, images = _work(network)
    possible = _possible(network, run, images, candidates)
    network.chunk = possible[-1]
    several = _repeated(images, network.images_per_call * network.in_flight)
    rates = measured_rates({chunk: _stream(network, run, chunk) for chunk in possible}, several)
    enough = ENOUGH * max(rates.values())
    chunk = min(chunk for chunk, rate in rates.items() if rate >= enough)
    return chunk, round(rates[chunk], 1)


def _work(network: ChunkedNetwork) -> tuple[Run, NDArray[np.uint8]]:
    """What is timed, and its images: small ones, which the devices resize, where they can."""
    side = min(SIDE, network.image_size)
    run = network.resizing(side, side, DEFAULT_METHOD)
    return (network, real_images(network.image_size)) if run is None else (run, real_images(side))


def _possible(
    network: ChunkedNetwork, run: Run, images: NDArray[np.uint8], candidates: Sequence[int]
) -> list[int]:
    """The chunks that fit into memory, up to one whose call takes ``CALL_S``.

    Where not even the first does, it is the half, or quarter, that does.
    """
    possible: list[int] = []
    for chunk in candidates:
        network.chunk = chunk
        stream = _stream(network, run, chunk)
        calls = _repeated(images, network.images_per_call * network.in_flight)
        stream(calls)  # kernels are chosen or compiled
        start = perf_counter()
        stream(calls)
        seconds = perf_counter() - start
        if network.chunk < chunk:
            return possible or [network.chunk]
        possible.append(chunk)
        if seconds > CALL_S * network.in_flight:
            break
    return possible


def _stream(
    network: ChunkedNetwork, run: Run, chunk: int
) -> Callable[[NDArray[np.uint8]], list[NDArray[np.float32]]]:
    """Run images in such chunks, as many calls at once as the network likes."""

    def stream(images: NDArray[np.uint8]) -> list[NDArray[np.float32]]:
        network.chunk = chunk
        count = network.images_per_call
        calls = [images[first : first + count] for first in range(0, len(images), count)]
        with ThreadPoolExecutor(network.in_flight) as pool:
            return list(pool.map(run, calls))

    return stream


def _repeated(images: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """So many images, the same again and again."""
    return np.resize(images, (count, *images.shape[1:]))
