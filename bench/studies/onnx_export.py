"""A frozen TensorFlow graph of an image network as ONNX, by the onnx package alone.

What ``replacements`` tries in place of tf2onnx. It knows the operations that are left of a
convolutional network once its constants are folded; another one is a ``KeyError`` with its name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from tl_core.engines.onnxruntime import OPSET

if TYPE_CHECKING:
    from collections.abc import Callable

    from tl_core.models.untyped import Loaded

    Operation: TypeAlias = Any  # a node of a TensorFlow graph

#: Operations that ONNX has as they are, by its name for them.
SAME = {
    "AddV2": "Add",
    "BiasAdd": "Add",
    "Mul": "Mul",
    "Sub": "Sub",
    "RealDiv": "Div",
    "MatMul": "MatMul",
    "Relu": "Relu",
    "Tanh": "Tanh",
    "Sigmoid": "Sigmoid",
}
#: The orders of axes: images first to channels first, and back.
TO_FIRST, TO_LAST = [0, 3, 1, 2], [0, 2, 3, 1]
PADDINGS = {b"SAME": "SAME_UPPER", b"VALID": "VALID"}


class Graph:
    """An ONNX graph that grows by one TensorFlow operation after the other."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.constants: dict[str, Any] = {}
        self.names: dict[str, str] = {}

    def node(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:  # noqa: ANN401 - as onnx takes them
        """Add a node; returns the name of its output."""
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, value: object, name: str) -> str:
        """Add a constant; returns its name."""
        self.constants[name] = np.asarray(value)
        return name

    def add(self, op: Operation) -> None:
        """Add what does the same as an operation."""
        inputs, output = [self.names.get(t.name, t.name) for t in op.inputs], op.outputs[0].name
        if op.type in SAME:
            self.node(SAME[op.type], inputs, output)
        elif op.type != "Placeholder":
            HANDLERS[op.type](self, op, inputs, output)

    def model(self, frozen: Loaded) -> Any:  # noqa: ANN401 - onnx's
        """The whole as an ONNX model, checked."""
        images, result = frozen.inputs[0], frozen.outputs[0]
        used = {name for node in self.nodes for name in node.input}
        made = helper.make_graph(
            self.nodes,
            "network",
            [_info(images, images.name)],
            [_info(result, self.names.get(result.name, result.name))],
            [numpy_helper.from_array(v, n) for n, v in self.constants.items() if n in used],
        )
        opsets = [helper.make_opsetid("", OPSET)]
        model = helper.make_model(made, opset_imports=opsets, ir_version=8)
        onnx.checker.check_model(model)
        return model


def to_onnx(frozen: Loaded) -> Any:  # noqa: ANN401 - onnx's
    """An ONNX model of what ``conversion.freeze`` returns."""
    graph = Graph()
    for op in _folded(frozen).get_operations():
        if op.outputs:  # else it only orders others
            graph.add(op)
    return graph.model(frozen)


def _folded(frozen: Loaded) -> Any:  # noqa: ANN401 - TensorFlow's
    """The graph with all that is computed from weights alone as constants."""
    import tensorflow as tf
    from tensorflow.python.grappler import tf_optimizer

    meta = tf.compat.v1.MetaGraphDef(graph_def=frozen.graph.as_graph_def())
    meta.collection_def["train_op"].node_list.value.append(frozen.outputs[0].name)
    config = tf.compat.v1.ConfigProto()
    rewrite = config.graph_options.rewrite_options
    rewrite.min_graph_nodes = -1
    rewrite.optimizers.extend(["function", "constfold"])
    graph = tf.Graph()
    with graph.as_default():
        tf.graph_util.import_graph_def(tf_optimizer.OptimizeGraph(config, meta), name="")
    return graph


def _info(tensor: Any, name: str) -> Any:  # noqa: ANN401
    kind = TensorProto.UINT8 if tensor.dtype.name == "uint8" else TensorProto.FLOAT
    return helper.make_tensor_value_info(name, kind, ["n", *tensor.shape.as_list()[1:]])


def _constant(graph: Graph, op: Operation, _inputs: list[str], output: str) -> None:
    import tensorflow as tf

    graph.constant(tf.make_ndarray(op.get_attr("value")), output)


def _identity(graph: Graph, _op: Operation, inputs: list[str], output: str) -> None:
    graph.names[output] = inputs[0]


def _cast(graph: Graph, _op: Operation, inputs: list[str], output: str) -> None:
    graph.node("Cast", inputs, output, to=TensorProto.FLOAT)


def _relu6(graph: Graph, _op: Operation, inputs: list[str], output: str) -> None:
    ends = [graph.constant(np.float32(end), f"{output}/{end}") for end in (0, 6)]
    graph.node("Clip", [inputs[0], *ends], output)


def _mean(graph: Graph, op: Operation, inputs: list[str], output: str) -> None:
    axes = graph.constants[inputs[1]].reshape(-1).tolist()
    graph.node("ReduceMean", inputs[:1], output, axes=axes, keepdims=int(op.get_attr("keep_dims")))


def _squeeze(graph: Graph, op: Operation, inputs: list[str], output: str) -> None:
    axes = graph.constant(np.int64(op.get_attr("squeeze_dims")), f"{output}/axes")
    graph.node("Squeeze", [inputs[0], axes], output)


def _pad(graph: Graph, _op: Operation, inputs: list[str], output: str) -> None:
    pads = graph.constant(np.int64(graph.constants[inputs[1]].T.reshape(-1)), f"{output}/pads")
    graph.node("Pad", [inputs[0], pads], output)


def _convolution(graph: Graph, op: Operation, inputs: list[str], output: str) -> None:
    kernel, depthwise = graph.constants[inputs[1]], op.type != "Conv2D"
    if depthwise:  # (h, w, channels, m): each channel is a group of its own
        height, width, channels, m = kernel.shape
        turned = kernel.transpose(2, 3, 0, 1).reshape(channels * m, 1, height, width)
    else:
        turned = kernel.transpose(3, 2, 0, 1)
    images = graph.node("Transpose", inputs[:1], f"{output}/images", perm=TO_FIRST)
    maps = graph.node(
        "Conv",
        [images, graph.constant(turned, f"{output}/kernel")],
        f"{output}/maps",
        strides=list(op.get_attr("strides"))[1:3],
        dilations=list(op.get_attr("dilations"))[1:3],
        auto_pad=PADDINGS[op.get_attr("padding")],
        group=kernel.shape[2] if depthwise else 1,
    )
    graph.node("Transpose", [maps], output, perm=TO_LAST)


HANDLERS: dict[str, Callable[[Graph, Operation, list[str], str], None]] = {
    "Const": _constant,
    "Identity": _identity,
    "Cast": _cast,
    "Relu6": _relu6,
    "Mean": _mean,
    "Squeeze": _squeeze,
    "Pad": _pad,
    "Conv2D": _convolution,
    "DepthwiseConv2dNative": _convolution,
}
