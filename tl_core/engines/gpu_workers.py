"""Replicas on GPUs whose runtime isn't TensorFlow; the CPU resizes their images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tl_core.engines.device_network import CHUNK, IN_FLIGHT
from tl_core.engines.workers import Filled, WorkerNetwork

if TYPE_CHECKING:
    from collections.abc import Callable

    from tl_core.conversion.opening import Conversion
    from tl_core.devices import Devices
    from tl_core.engines.protocol import Run
    from tl_core.engines.workers import Replica


class GpuWorkers(WorkerNetwork):
    """A replica on each GPU; see ``WorkerNetwork``, and ``ChunkedNetwork``.

    Two threads call a replica at once, so that one chunk is copied while the other one is run.
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

    @property
    def images_per_call(self) -> int:
        """A chunk for each GPU."""
        return self.chunk * self._gpus

    def resizing(self, height: int, width: int, method: str) -> Run | None:  # noqa: ARG002 - none is done
        """The network itself for images of its own size; no others."""
        return self if height == width == self.image_size else None


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
