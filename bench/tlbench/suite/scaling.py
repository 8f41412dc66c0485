"""How extraction gains from more GPUs: on the first of them, on two, four and so on, and on all."""

from __future__ import annotations

import math
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from tl_core.engines.device_network import DeviceNetwork
from tl_core.sources import ArraySource
from tl_core.streaming import run_network
from tlbench.runs.row import Scaling

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tlbench.suite.loaded_workload import LoadedWorkload

#: Timed turns of each number of GPUs; the numbers alternate.
TURNS = 3


def scaling(workload: LoadedWorkload) -> tuple[Scaling, ...] | None:
    """Throughput by number of GPUs, each with the same chunk.

    All extract the same images, training images again and again: so many that every call of every
    number of GPUs is full. None for one GPU, for the CPU, and for images in files, since decoding
    them would be measured.
    """
    network = workload.extractor.network
    if not isinstance(network, DeviceNetwork) or network.devices == 1:
        return None
    part = workload.part(0)
    if not isinstance(part, ArraySource):
        return None
    numbers, method = counts(network.devices), workload.extractor.resize
    whole = math.lcm(*numbers) * network.chunk
    calls = 2 * network.in_flight * network.images_per_call
    images = part.pick(np.arange(whole * math.ceil(calls / whole)) % len(part))

    def rate(some: DeviceNetwork) -> float:
        start = perf_counter()
        run_network(some, images, batch_size=network.chunk, method=method)
        return len(images) / (perf_counter() - start)

    networks = {count: network.on_first(count) for count in numbers}
    for some in networks.values():  # kernels are chosen or compiled
        run_network(some, images.head(some.images_per_call), method=method)
    return scalings(networks, rate)


def counts(devices: int) -> list[int]:
    """1, 2, 4 and so on, and all."""
    powers = (2**power for power in range(devices.bit_length()))
    return sorted({*powers, devices})


def scalings(
    networks: Mapping[int, DeviceNetwork], rate: Callable[[DeviceNetwork], float]
) -> tuple[Scaling, ...]:
    """The median rate of each number of GPUs, and its share of so many times that of one."""
    rates: dict[int, list[float]] = {count: [] for count in networks}
    for _ in range(TURNS):
        for count, network in networks.items():
            rates[count].append(rate(network))
    medians = {count: median(several) for count, several in rates.items()}
    return tuple(
        Scaling(count, each, each / (count * medians[1])) for count, each in medians.items()
    )
