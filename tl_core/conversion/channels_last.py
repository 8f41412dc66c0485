"""Keep images in channels-last order: change the beginning of OpenVINO's graph."""

from __future__ import annotations

from typing import Any

import numpy as np

#: The order of a transposition from (n, h, w, c) to (n, c, h, w), and of its inverse.
FIRST, LAST = [0, 3, 1, 2], [0, 2, 3, 1]
ARITHMETIC = {"Add", "Subtract", "Multiply", "Divide"}


def keep_channels_last(model: Any) -> bool:  # noqa: ANN401 - OpenVINO's
    """Move the transposition of the images behind the arithmetic that scales them.

    OpenVINO's reader of TensorFlow's graphs puts it first: the bytes are transposed, scaled, and
    transposed back into the order of the convolution. Behind the arithmetic, a network of fixed
    size moves no data: the transposition is only another view of the same memory.

    Changes an ``openvino.Model`` with one input in place; returns whether it did.
    """
    images = model.input(0)
    moved = only_consumer(images)
    if moved is None or moved.get_type_name() != "Transpose":
        return False
    order = constant_of(moved, 1)
    if order is None or order.ravel().tolist() != FIRST:
        return False
    chain = _arithmetic_behind(moved)
    if not chain:
        return False
    from openvino import opset13

    behind = list(chain[-1].output(0).get_target_inputs())
    for node in chain:
        _to_channels_last(node)
    chain[0].input(0).replace_source_output(images)
    transposed = opset13.transpose(chain[-1], opset13.constant(np.array(FIRST)))
    for consumer in behind:
        consumer.replace_source_output(transposed.output(0))
    model.validate_nodes_and_infer_types()
    return True


def only_consumer(output: Any) -> Any:  # noqa: ANN401 - OpenVINO's
    """The node that uses an output, if it is the only one; else None."""
    consumers = output.get_target_inputs()
    return next(iter(consumers)).get_node() if len(consumers) == 1 else None


def _arithmetic_behind(node: Any) -> list[Any]:  # noqa: ANN401
    """The chain of elementwise operations that follows a node."""
    chain: list[Any] = []
    following = only_consumer(node.output(0))
    while following is not None and _is_by_value(following):
        chain.append(following)
        following = only_consumer(following.output(0))
    return chain


def _is_by_value(node: Any) -> bool:  # noqa: ANN401
    if node.get_type_name() == "Convert":
        return True
    if node.get_type_name() not in ARITHMETIC:
        return False
    other = constant_of(node, 1)
    return other is not None and (other.size == 1 or other.ndim == len(LAST))


def _to_channels_last(node: Any) -> None:  # noqa: ANN401
    """Change a constant per channel to the other order of axes."""
    if node.get_type_name() == "Convert":
        return
    from openvino import opset13

    other = constant_of(node, 1)
    if other.ndim == len(LAST):
        turned = opset13.constant(np.ascontiguousarray(other.transpose(LAST)))
        node.input(1).replace_source_output(turned.output(0))


def constant_of(node: Any, number: int) -> Any:  # noqa: ANN401 - OpenVINO's
    """An input's array if it is a constant; else None."""
    source = node.input_value(number).get_node()
    return source.get_data() if source.get_type_name() == "Constant" else None
