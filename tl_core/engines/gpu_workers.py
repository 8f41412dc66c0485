"""Replicas on GPUs whose runtime isn't TensorFlow; the CPU resizes their images."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from tl_core.engines.device_network import CHUNK, IN_FLIGHT, halve, is_out_of_memory
from tl_core.engines.protocol import checked_input
from tl_core.engines.workers import Filled, WorkerNetwork

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tl_core.conversion.opening import Conversion
    from tl_core.devices import Devices
    from tl_core.engines.protocol import Run
    from tl_core.engines.workers import Replica


class GpuWorkers(WorkerNetwork):
    """A replica on each GPU; see ``WorkerNetwork``, and ``ChunkedNetwork``.

    Two threads call a replica at once, so that one chunk is copied while the other one is run.

    A chunk that doesn't fit into a GPU's memory is halved for good, which is logged. A call raises
    DeviceError where a single image doesn't fit.
    """

    def __init__(
        self,
        replicas: list[Replica],
        devices: tuple[str, ...],
        *,
        image_size: int,
        output_size: int,
        chunk: int,
    ) -> None:
        twice = [each for each in replicas for _ in range(2)]
        super().__init__(twice, image_size=image_size, output_size=output_size, chunk=chunk)
        self.device, self.in_flight, self._gpus = devices[0], IN_FLIGHT, len(devices)
        self._lock = threading.Lock()

    @property
    def images_per_call(self) -> int:
        """A chunk for each GPU."""
        return self.chunk * self._gpus

    def resizing(self, height: int, width: int, method: str) -> Run | None:  # noqa: ARG002 - none is done
        """The network itself for images of its own size; no others."""
        return self if height == width == self.image_size else None

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run one batch, in as many chunks as it takes; see ``Network``."""
        pixels = checked_input(images, self.image_size)
        outputs = [np.empty((0, self.output_size), np.float32)]
        done = 0
        while done < len(pixels):
            chunk = self.chunk  # another thread may halve it meanwhile
            part = pixels[done : done + chunk * self._gpus]
            try:
                outputs.append(super().__call__(part))
            except Exception as error:  # the runtime's own have no public type
                if not is_out_of_memory(error):
                    raise
                halve(self, chunk, self._lock)
            else:
                done += len(part)
        return np.concatenate(outputs)


def gpu_network_of(
    conversion: Conversion, devices: Devices, chunk: int | None, replica: Callable[[int], Replica]
) -> GpuWorkers:
    """The replicas, each made with the number of its GPU."""
    replicas = [replica(int(name.partition(":")[2])) for name in devices.names]
    if conversion.batch is not None:
        replicas = [Filled(each, conversion.batch) for each in replicas]
    return GpuWorkers(
        replicas,
        devices.names,
        image_size=conversion.image_size,
        output_size=conversion.output_size,
        chunk=chunk or CHUNK,
    )
