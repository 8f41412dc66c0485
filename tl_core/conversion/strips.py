"""A network's first layers strip by strip, so that what one hands the next stays in the cache.

Early layers of an image network have the largest outputs: of MobileNetV2 at 224 pixels they are
several times what a core's second-level cache holds, and computing waits for memory. A strip of
rows goes through all of them before the next begins. Strips overlap by what the kernels reach
across, which is computed twice; every value is computed as before.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from tl_core.conversion.channels_last import (
    LAST,
    constant_of,
    is_to_channels_first,
    only_consumer,
)

#: Bytes of a layer's output that a strip of an image may have: half of the second-level cache of
#: many CPUs.
ROOM = 2**20
#: More strips overlap too much.
MOST = 8
#: Layers with fewer convolutions hand nothing to each other.
LEAST_CONVOLUTIONS = 2
CONVOLUTIONS = {"Convolution", "GroupConvolution"}
#: What works on each value by itself, given a constant or none.
BY_VALUE = {"Convert", "Clamp", "Relu", "Add", "Subtract", "Multiply", "Divide"}


@dataclass(frozen=True)
class Window:
    """What a convolution reads along one side of its input.

    Attributes:
        kernel: Values at once.
        stride: From one window to the next.
        before: Zeros before the first value.
        size: Values of the input.
    """

    kernel: int
    stride: int
    before: int
    size: int

    def reads(self, begin: int, end: int) -> tuple[int, int, int, int]:
        """Which values outputs ``begin`` to ``end`` need: first, last, zeros before and after."""
        low = begin * self.stride - self.before
        high = (end - 1) * self.stride - self.before + self.kernel
        inside = max(low, 0), min(high, self.size)
        return *inside, inside[0] - low, high - inside[1]


def run_in_strips(model: Any, room: int = ROOM) -> int:  # noqa: ANN401 - OpenVINO's
    """Change a network so that its first layers run strip by strip.

    Args:
        model: An ``openvino.Model`` of fixed size whose input is ``(n, h, w, c)``, as
            ``keep_channels_last`` leaves it; changed in place.
        room: Bytes that a layer's output may have in a strip of one image.

    Returns:
        The number of strips; 1 where nothing was changed.
    """
    layers = _first_layers(model)
    if sum(layer.get_type_name() in CONVOLUTIONS for layer in layers) < LEAST_CONVOLUTIONS:
        return 1
    from openvino import opset13

    last = layers[-1].output(0)
    largest = max(int(np.prod(layer.output(0).get_shape()[1:])) for layer in layers)
    rows = int(last.get_shape()[2])
    strips = min(-(-largest * np.dtype(np.float32).itemsize // room), MOST, rows)
    if strips < 2:
        return 1
    behind = list(last.get_target_inputs())
    ends = np.linspace(0, rows, strips + 1).round().astype(int).tolist()
    parts = [_strip(model, layers, *each) for each in pairwise(ends)]
    whole = opset13.concat(parts, 2)
    for consumer in behind:
        consumer.replace_source_output(whole.output(0))
    model.validate_nodes_and_infer_types()
    return strips


def _first_layers(model: Any) -> list[Any]:  # noqa: ANN401
    """The layers that follow the input one after the other, each of them row by row."""
    layers: list[Any] = []
    rows, node = 1, only_consumer(model.input(0))
    while node is not None and _is_in_rows(node, rows):
        layers.append(node)
        rows += node.get_type_name() == "Transpose"
        node = only_consumer(node.output(0))
    return layers


def _is_in_rows(node: Any, rows: int) -> bool:  # noqa: ANN401
    """Whether an output row depends on some input rows only, and it can be made anew.

    Args:
        node: An operation.
        rows: Which dimension of its input has the rows: 1 as images come, 2 with channels first.
    """
    kind = node.get_type_name()
    if kind == "Transpose":
        return rows == 1 and is_to_channels_first(node)
    if kind in CONVOLUTIONS:
        about = node.get_attributes()
        known = {"explicit", "same_upper", "valid"}
        return rows == 2 and set(about["dilations"]) == {1} and about["auto_pad"] in known
    if kind not in BY_VALUE:
        return False
    if node.get_input_size() == 1:
        return kind != "Convert" or str(node.get_element_type().get_type_name()) == "f32"
    other = constant_of(node, 1)
    return other is not None and (
        other.size == 1 or (other.ndim == len(LAST) and other.shape[rows] == 1)
    )


def _windows(node: Any) -> tuple[Window, Window]:  # noqa: ANN401
    """Of a convolution, along the rows and along the columns."""
    about = node.get_attributes()
    inputs, outputs = node.input_value(0).get_shape()[2:], node.output(0).get_shape()[2:]
    kernels = node.input_value(1).get_shape()[-2:]
    found = []
    for side in (0, 1):
        stride, before = about["strides"][side], 0
        if about["auto_pad"] == "explicit":
            before = about["pads_begin"][side]
        elif about["auto_pad"] == "same_upper":
            needed = (outputs[side] - 1) * stride + kernels[side] - inputs[side]
            before = max(needed, 0) // 2
        found.append(Window(kernels[side], stride, before, inputs[side]))
    return found[0], found[1]


def _strip(model: Any, layers: list[Any], begin: int, end: int) -> Any:  # noqa: ANN401
    """Rows ``begin`` to ``end`` of the last layer, from the rows of the images that they need."""
    from openvino import opset13

    plan: list[tuple[Any, tuple[int, int]]] = []
    for layer in reversed(layers):
        before = after = 0
        if layer.get_type_name() in CONVOLUTIONS:
            begin, end, before, after = _windows(layer)[0].reads(begin, end)
        plan.append((layer, (before, after)))
    images = model.get_parameters()[0]
    made = opset13.slice(images, [begin], [end], [1], [1])
    for layer, padding in reversed(plan):
        made = _made_anew(layer, made, padding)
    return made


def _made_anew(layer: Any, images: Any, padding: tuple[int, int]) -> Any:  # noqa: ANN401
    """The same layer on other images, with so many rows of zeros before and after them."""
    from openvino import opset13

    kind = layer.get_type_name()
    if kind in CONVOLUTIONS:
        columns = _windows(layer)[1]
        *_, left, right = columns.reads(0, layer.output(0).get_shape()[3])
        make = opset13.convolution if kind == "Convolution" else opset13.group_convolution
        strides = list(layer.get_attributes()["strides"])
        weights = layer.input_value(1)
        return make(images, weights, strides, [padding[0], left], [padding[1], right], [1, 1])
    if kind == "Convert":
        return opset13.convert(images, np.float32)
    if kind == "Clamp":
        about = layer.get_attributes()
        return opset13.clamp(images, about["min"], about["max"])
    if kind == "Relu":
        return opset13.relu(images)
    # A constant of its own: OpenVINO joins a convolution only with one that no other has.
    other = opset13.constant(constant_of(layer, 1).copy())
    return getattr(opset13, kind.lower())(images, other)
