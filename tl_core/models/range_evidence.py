"""Evidence for a model's input range: its graph, or its labels for known photographs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tl_core.head import softmax
from tl_core.images import load_image
from tl_core.labels import CLASSES
from tl_core.models.adapter import BYTE_RANGE, BYTES
from tl_core.models.input_range import RANGES, UNIT
from tl_core.models.probing import at_size
from tl_core.models.requirement import are_probabilities
from tl_core.photographs import named_photographs
from tl_core.resize import resize_batch

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tl_core.models.module import HubModule
    from tl_core.models.untyped import Tensor

#: Elementwise operations, and operations without effect, with which a graph may begin.
_BY_VALUE = frozenset(
    {"Identity", "Cast", "Mul", "Sub", "Add", "AddV2", "RealDiv", "Div", "BiasAdd", "Transpose"}
)
#: Operations that depend only on the images' size.
_SIZE_ONLY = frozenset({"Shape", "ShapeN", "Size", "Rank"})
#: The ranges that the first operations can distinguish.
_LINEAR = ("0-1", "-1-1", "0-255")
#: Least and greatest value that networks usually compute with.
_USUAL = ((0.0, 1.0), (-1.0, 1.0), (-0.5, 0.5), (0.0, 255.0))
#: Allowed deviation, as a share of their distance: some networks divide by 127 or 128.
_OFF = 0.03
#: If ImageNet's mean is subtracted: distance of least and greatest value, in standard deviations or
#: in levels of 255, and the allowed distance of their middle from 0, as a share of half of it.
_CENTRED, _MIDDLE = ((3.5, 6.0), (225.0, 285.0)), 0.25
#: A range is found if this share of the photographs is recognised in it, and if its mean
#: log-likelihood of the right labels leads any other's by this many nats. Least probability used.
LEAST_RIGHT, LEAST_PROBABILITY, LEAST_LEAD = 0.5, 1e-3, 0.1
#: The photographs are used as they are and darker: for darker ones, similar ranges, such as [-1, 1]
#: and ImageNet's mean and deviation, give different results. Tested with MobileNetV2 and
#: EfficientNet-Lite0 made to take each range: the right one leads by 0.25 nats or more.
BRIGHTNESS = (1.0, 0.4)


def range_in_graph(module: HubModule, size: int) -> str | None:
    """The only input range for which a model's first operations give usual values; else None.

    A model that takes whole numbers takes them from 0 to 255. Other models often scale their images
    first, as Keras's Rescaling and Hub's modules do: this shows what they expect.
    """
    if module.dtype in BYTES:
        return BYTE_RANGE
    with at_size(module.handle, size):
        scaled = _after_scaling(module, size)
    likely = [
        name for name in _LINEAR if _is_usual(*(scaled[limit] for limit in RANGES[name].limits))
    ]
    return likely[0] if len(likely) == 1 else None


def range_by_photographs(module: HubModule, size: int) -> str | None:
    """The range in which an ImageNet classifier recognises known photographs; None if unclear."""
    known = named_photographs()
    pixels = resize_batch([load_image(path) for path in known], size)
    unit = np.concatenate([np.float32(pixels) * np.float32(b / 255) for b in BRIGHTNESS])
    shift = module.output_size - CLASSES
    names = [[index + shift for index in indices] for indices in known.values()] * len(BRIGHTNESS)
    with at_size(module.handle, size):
        outputs = {name: np.asarray(module.in_range(name)(unit)) for name in RANGES}
    trials = {name: _trial(rows, names) for name, rows in outputs.items()}
    best, second = sorted(trials, key=lambda name: trials[name].likelihood, reverse=True)[:2]
    clear = trials[best].likelihood - trials[second].likelihood >= LEAST_LEAD
    return best if clear and trials[best].right >= LEAST_RIGHT * len(names) else None


@dataclass(frozen=True)
class _Trial:
    """Number of ``right`` labels, and the mean log-likelihood of all, in nats."""

    right: int
    likelihood: float


def _trial(outputs: NDArray[np.float32], names: list[list[int]]) -> _Trial:
    if not np.isfinite(outputs).all():
        return _Trial(0, -np.inf)
    rows = outputs if are_probabilities(outputs) else softmax(outputs)[0]
    right = sum(int(row.argmax()) in own for row, own in zip(rows, names, strict=True))
    shares = [row[own].sum() for row, own in zip(rows, names, strict=True)]
    return _Trial(right, float(np.log(np.maximum(shares, LEAST_PROBABILITY)).mean()))


def _is_usual(low: float, high: float) -> bool:
    """Whether the values are between those with which networks usually compute."""
    width, middle = high - low, abs(high + low) / 2
    if width <= 0:
        return False
    near = any(max(abs(low - a), abs(high - b)) <= _OFF * (b - a) for a, b in _USUAL)
    centred = any(a <= width <= b and middle <= _MIDDLE * width / 2 for a, b in _CENTRED)
    return near or centred


def _after_scaling(module: HubModule, size: int) -> dict[float, float]:
    """Each limit of the ranges, as value of all pixels, and its value after the first operations.

    If that differs by colour, limits of 0 and below map to the least, others to the greatest.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    raw = module.in_range(UNIT)
    spec = tf.TensorSpec((module.batch or 1, size, size, 3), tf.float32)
    function = tf.function(raw, input_signature=[spec], autograph=False)
    frozen = convert_variables_to_constants_v2(function.get_concrete_function())
    images, scaled = frozen.inputs[0].name, _scaled(frozen.inputs[0]).name
    pixels = {limit for name in _LINEAR for limit in RANGES[name].limits}
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        tf.graph_util.import_graph_def(frozen.graph.as_graph_def(), name="")
        values = {
            pixel: session.run(scaled, {images: np.full(spec.shape, pixel, np.float32)})
            for pixel in pixels
        }
    return {pixel: float(each.max() if pixel > 0 else each.min()) for pixel, each in values.items()}


def _scaled(images: Tensor) -> Tensor:
    """The last tensor that follows from the images by elementwise arithmetic."""
    tensor = images
    while True:
        users = [op for op in tensor.consumers() if op.type not in _SIZE_ONLY]
        if len(users) != 1 or users[0].type not in _BY_VALUE:
            return tensor
        if sum(each.name == tensor.name for each in users[0].inputs) != 1:
            return tensor  # combined with itself: not a scaling
        tensor = users[0].outputs[0]
