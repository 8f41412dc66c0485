"""The reference engine: the SavedModel in a plain ``tf.function``; on GPUs in 16 bits too."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import numpy as np

from tl_core.engines.device_network import DeviceNetwork
from tl_core.engines.memory import run_in_chunks
from tl_core.engines.mixed_module import mixed_module
from tl_core.engines.protocol import checked_input
from tl_core.models import HubModule, require
from tl_core.models.module import size_for
from tl_core.models.settings import SINGLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tl_core.devices import Devices
    from tl_core.engines.mixed_module import MixedModule
    from tl_core.models.module import Model
    from tl_core.models.settings import NetworkSettings
    from tl_core.models.untyped import Loaded, Tensor


class TensorFlowNetwork:
    """A SavedModel with one replica per device; they share each batch.

    See ``Network``. One batch at a time: TensorFlow spreads each over all its threads.

    Attributes:
        chunk: Images that it runs at once; None runs whole batches. A batch that doesn't fit into
            memory is halved for good, which is logged.
        functions: Each replica's, from uint8 images ``(n, image_size, image_size, 3)`` to outputs.
    """

    in_flight = 1

    def __init__(
        self,
        modules: Sequence[HubModule | MixedModule],
        device_names: tuple[str, ...],
        size: int,
        *,
        compiled: bool = False,
    ) -> None:
        self.image_size = size
        self.output_size = modules[0].output_size
        self.device = device_names[0]
        only = modules[0] if len(modules) == 1 else None
        self.module = only if isinstance(only, HubModule) else None
        self._compiled, self._largest = compiled, 1
        self.chunk: int | None = None
        self._lock = threading.Lock()
        self.functions = [
            _function(module, name, size, compiled=compiled)
            for module, name in zip(modules, device_names, strict=True)
        ]

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run one batch; see ``Network``. DeviceError if a single image doesn't fit into memory."""
        pixels = checked_input(images, self.image_size)
        return run_in_chunks(self, self._run_chunk, pixels, self._lock)

    def _run_chunk(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        if self._compiled:
            return self._run(self._padded(pixels))[: len(pixels)]
        return self._run(pixels)

    def _padded(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Pad to the largest batch so far, since XLA compiles for each number of images."""
        self._largest = max(len(pixels), min(self._largest, self.chunk or self._largest))
        missing = self._largest - len(pixels)
        return np.pad(pixels, ((0, missing), (0, 0), (0, 0), (0, 0))) if missing else pixels

    def _run(self, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        parts = np.array_split(pixels, len(self.functions))
        # All parts are started before waiting for the first, so that GPUs work in parallel.
        outputs = [run(part) for run, part in zip(self.functions, parts, strict=True) if len(part)]
        return np.concatenate([output.numpy() for output in outputs])


def open_network(
    model: Model, devices: Devices, settings: NetworkSettings, *, compiled: bool = False
) -> TensorFlowNetwork | DeviceNetwork:
    """Load a SavedModel with a replica on each device; XLA may compile its graph.

    On GPUs images are run in chunks, see ``DeviceNetwork``. In 16 bits its weights become constants
    of the graph, see ``mixed_module``.

    ModelError where it is of the wrong kind, labels don't fit, it doesn't say its image size, or it
    can't be computed in 16 bits.
    """
    import tensorflow as tf

    single = settings.precision == SINGLE
    modules = []
    for name in devices.names if single else ("CPU:0",):
        with tf.device(name):
            modules.append(model.open())
    size = size_for(model.handle, modules[0].image_size, settings)
    require(modules[0], model.kind, settings.classes, size)
    replicas: Sequence[HubModule | MixedModule] = modules
    if not single:
        replicas = [mixed_module(modules[0], size, settings.precision)] * len(devices.names)
    network = TensorFlowNetwork(replicas, devices.names, size, compiled=compiled)
    if devices.spec == "cpu":
        return network
    return DeviceNetwork(network, devices.names, chunk=settings.chunk, compiled=compiled)


def _function(module: HubModule | MixedModule, device: str, size: int, *, compiled: bool) -> Loaded:
    """uint8 images to outputs on one device."""
    import tensorflow as tf

    def run(images: Tensor) -> Tensor:
        with tf.device(device):
            return module(tf.cast(images, tf.float32) / 255.0)

    spec = tf.TensorSpec((None, size, size, 3), tf.uint8)
    return tf.function(run, input_signature=[spec], autograph=False, jit_compile=compiled or None)
