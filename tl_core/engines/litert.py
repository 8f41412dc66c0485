"""LiteRT, formerly TensorFlow Lite: XNNPACK's kernels, a replica on each thread."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

import numpy as np

from tl_core.conversion.opening import convert
from tl_core.engines.names import runtime_of
from tl_core.engines.workers import network_of
from tl_core.equivalence import IMAGES, images_digest, real_images

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tl_core.devices import Devices
    from tl_core.engines.workers import WorkerNetwork
    from tl_core.models.module import Model
    from tl_core.models.settings import NetworkSettings
    from tl_core.models.untyped import Loaded

#: Number of crops that give the ranges of 8-bit activations; they differ from the compared ones.
CALIBRATION = 100
FILE = "model.tflite"


class Interpreter:
    """One replica of a model, from its bytes, with its own threads."""

    def __init__(self, content: bytes, threads: int) -> None:
        runtime = runtime_of("litert")
        self._interpreter = runtime.Interpreter(model_content=content, num_threads=threads)
        self._images = 0
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._scaled = self._interpreter.get_input_details()[0]["dtype"] == np.float32
        self._output = self._interpreter.get_output_details()[0]["index"]

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run a chunk; see ``tl_core.engines.workers.Replica``."""
        if len(images) != self._images:
            self._images = 0  # as long as these have no memory
            self._interpreter.resize_tensor_input(self._input, images.shape)
            self._interpreter.allocate_tensors()
            self._images = len(images)
        unit = images.astype(np.float32) / np.float32(255) if self._scaled else images
        self._interpreter.set_tensor(self._input, unit)
        self._interpreter.invoke()
        return np.asarray(self._interpreter.get_tensor(self._output), np.float32)


def open_network(model: Model, _devices: Devices, settings: NetworkSettings) -> WorkerNetwork:
    """Convert a SavedModel, once, and load it in one replica per worker."""
    runtime_of("litert")
    quantized = settings.precision == "int8"
    form = f"litert {settings.precision}"
    if quantized:  # by the calibration images, which a small copy identifies
        form += f" {images_digest(real_images(32, IMAGES, CALIBRATION))}"
    # Scaling within the graph would be quantized too, and lose most of a pixel's precision.
    conversion = convert(model, settings, form, (), _write, scaled=quantized)
    content = (conversion.folder / FILE).read_bytes()
    return network_of(conversion, settings, lambda threads: Interpreter(content, threads))


def _write(frozen: Loaded, folder: Path) -> None:
    """A model of scaled images with 8-bit weights and activations, calibrated by photographs."""
    import tensorflow as tf

    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    if frozen.inputs[0].dtype == tf.float32:
        size = frozen.inputs[0].shape[1]
        images = real_images(size, IMAGES, CALIBRATION).astype(np.float32) / np.float32(255)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        converter.representative_dataset = lambda: ([image[None]] for image in images)
    with warnings.catch_warnings():
        # Inputs and outputs stay single precision on purpose.
        warnings.filterwarnings("ignore", "Statistics for quantized inputs were expected")
        (folder / FILE).write_bytes(converter.convert())
