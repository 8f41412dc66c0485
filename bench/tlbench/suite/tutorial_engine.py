"""The tutorial's way to run a network, float64 arrays through Keras: measured, never a choice.

Importing this module makes it the engine ``tutorial``.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from tl_core.engines.names import ENGINES, Engine
from tl_core.engines.protocol import checked_input
from tl_core.errors import ModelError
from tl_core.models import require
from tl_core.models.module import size_for

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tl_core.devices import Devices
    from tl_core.models.module import Model
    from tl_core.models.settings import NetworkSettings

NAME = "tutorial"
#: What pip has to install: tensorflow_hub imports pkg_resources, which setuptools 82 dropped.
CLIENT = "tensorflow-hub 'setuptools<82'"
ENGINES[NAME] = Engine(__name__, automatic=False)


class KerasNetwork:
    """A Keras model of one Hub layer; see ``tl_core.engines.Network``."""

    in_flight, device, module = 1, "CPU:0", None

    def __init__(self, path: Path, size: int, outputs: int) -> None:
        import tf_keras

        self.image_size, self.output_size = size, outputs
        layer = client().KerasLayer(str(path), input_shape=(size, size, 3), trainable=False)
        self._model = tf_keras.Sequential([layer])

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run one batch."""
        pixels = checked_input(images, self.image_size) / 255.0  # float64, as NumPy divides
        outputs = self._model.predict(pixels, batch_size=max(1, len(pixels)), verbose=0)
        return np.asarray(outputs, np.float32)


def open_network(model: Model, _devices: Devices, settings: NetworkSettings) -> KerasNetwork:
    """Load a SavedModel as a Keras layer; ModelError as for the reference engine."""
    module = model.open()
    size = size_for(model.handle, module.image_size, settings)
    require(module, model.kind, settings.classes, size)
    return KerasNetwork(model.path, size, module.output_size)


def client() -> Any:  # noqa: ANN401 - a module without types
    """TensorFlow Hub's own package; ModelError if it is absent or can't be imported."""
    with warnings.catch_warnings():
        # It imports what setuptools calls deprecated; users can't change this.
        warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
        try:
            import tensorflow_hub
        except ImportError as error:
            raise ModelError(
                f"engine {NAME}: tensorflow_hub, which it runs models with, can't be imported "
                f"({error}); run: pip install {CLIENT}. Or use another engine"
            ) from error
    return tensorflow_hub
