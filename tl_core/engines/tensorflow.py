"""The reference engine: the SavedModel in a plain ``tf.function``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tl_core.errors import ModelError
from tl_core.models import open_module, require
from tl_core.resize import checked_pixels

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tl_core.devices import Devices
    from tl_core.engines.protocol import NetworkSettings
    from tl_core.models import HubModule, Kind
    from tl_core.models.untyped import Loaded, Tensor


class TensorFlowNetwork:
    """A SavedModel with a replica on each device; a batch is shared out among them.

    Attributes:
        image_size: Side of the square input, in pixels.
        modules: The loaded SavedModels, one a replica.
        device_names: TensorFlow's name of each replica's device.
    """

    def __init__(self, modules: list[HubModule], device_names: tuple[str, ...], size: int) -> None:
        self.image_size = size
        self.modules = modules
        self.device_names = device_names
        self._functions = [
            _function(module, name, size)
            for module, name in zip(modules, device_names, strict=True)
        ]

    @property
    def output_size(self) -> int:
        """Number of features, or of classes."""
        return self.modules[0].output_size

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run one batch; see ``Network``."""
        pixels = checked_pixels(images, 4)
        if pixels.shape[1:3] != (self.image_size, self.image_size):
            raise ModelError(
                f"images of {pixels.shape[1:3]} pixels: this network was opened for "
                f"{self.image_size} × {self.image_size}; resize them first"
            )
        parts = np.array_split(pixels, len(self._functions))
        # All parts are started before the first is waited for: GPUs work side by side.
        outputs = [run(part) for run, part in zip(self._functions, parts, strict=True) if len(part)]
        return np.concatenate([output.numpy() for output in outputs])


def open_network(
    path: Path, handle: str, kind: Kind, devices: Devices, settings: NetworkSettings
) -> TensorFlowNetwork:
    """Load a SavedModel with a replica on each device.

    Args:
        path: The SavedModel folder.
        handle: What the user asked for, for messages.
        kind: Whether features or class logits are wanted.
        devices: Where to run.
        settings: The image size that is wanted.

    Raises:
        ModelError: The wrong kind of model, labels that don't fit its outputs, or a model that
            doesn't say its image size.
    """
    import tensorflow as tf

    modules = []
    for name in devices.names:
        with tf.device(name):
            modules.append(open_module(path, handle))
    require(modules[0], kind, settings.classes)
    return TensorFlowNetwork(modules, devices.names, _size(modules[0], settings))


def _size(module: HubModule, settings: NetworkSettings) -> int:
    sizes = (settings.image_size, module.image_size, settings.fallback_size)
    size = next((int(size) for size in sizes if size is not None), None)
    if size is None:
        raise ModelError(
            f"{module.handle}: the model takes any image size and doesn't say which it was trained "
            "at; name one with --image-size (often 224)"
        )
    return size


def _function(module: HubModule, device: str, size: int) -> Loaded:
    """uint8 images to outputs on one device; [0, 1] is what Hub's image modules take."""
    import tensorflow as tf

    def run(images: Tensor) -> Tensor:
        with tf.device(device):
            return module(tf.cast(images, tf.float32) / 255.0, training=False)

    spec = tf.TensorSpec((None, size, size, 3), tf.uint8)
    return tf.function(run, input_signature=[spec], autograph=False)
