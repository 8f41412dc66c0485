"""A frozen network in mixed precision: products in 16 bits, float32 in and out.

Convolutions and matrix products take and give 16 bits, and so does what lies between two of them.
What adds many values up stays in float32, apart from the products themselves, whose sums the
kernels for GPUs keep in float32: means, average pooling, softmax, the statistics of a batch norm.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tl_core.models.untyped import Loaded, Message, Tensor

#: Operations that are always computed in 16 bits: what a network's time is spent on.
PRODUCTS = frozenset(
    {"Conv2D", "DepthwiseConv2dNative", "MatMul", "BatchMatMul", "BatchMatMulV2", "Einsum"}
)
#: Batch norms; the last one takes statistics in float32 beside values in 16 bits.
NORMS = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")
#: Operations that are computed in 16 bits where all that they are given is, besides constants: they
#: work on each value by itself, or move values. The largest of some values is the same in both.
FOLLOWERS = frozenset(
    {
        *NORMS,
        *("Add", "AddV2", "BiasAdd", "Sub", "Mul", "RealDiv", "Maximum", "Minimum", "MaxPool"),
        *("Relu", "Relu6", "LeakyRelu", "Elu", "Selu", "Sigmoid", "Tanh", "Erf", "Erfc", "Neg"),
        *("ConcatV2", "Pad", "PadV2", "Reshape", "Squeeze", "ExpandDims", "Transpose"),
        *("StridedSlice", "Split", "Pack", "Unpack", "SpaceToBatchND", "BatchToSpaceND"),
        "Shape",
    }
)
#: Computed in float32; what follows may round its result to 16 bits again, as it lies among the
#: values that it is made of.
POOLED = "AvgPool"
#: Operations whose outputs are their inputs.
ALIASES = frozenset({"Identity", "IdentityN", "StopGradient", "PreventGradient"})
#: The attribute with the dtype of all these operations.
DTYPE = "T"


@dataclass(frozen=True)
class MixedGraph:
    """A graph in mixed precision.

    Attributes:
        definition: Its GraphDef.
        images: Name of the tensor that it is given, which it doesn't have itself.
        outputs: Name of the tensor that it computes, float32.
        products: How many products are in 16 bits.
        left: How many are not: they have another dtype, or are in a function that is called.
    """

    definition: Message
    images: str
    outputs: str
    products: int
    left: int


def in_mixed_precision(frozen: Loaded, dtype: str) -> MixedGraph:
    """Rewrite a frozen function of one input and one output, see ``opening.freeze``.

    Only what the output is computed from is kept, and no order of operations besides: assertions,
    for example, are dropped.

    Args:
        frozen: Its constants are rounded where they are used in 16 bits; itself it stays as it is.
        dtype: ``bfloat16`` or ``float16``.
    """
    import tensorflow as tf

    rewriting = _Rewriting(tf.as_dtype(dtype))
    for operation in frozen.graph.get_operations():
        rewriting.add(operation)
    images, outputs = frozen.inputs[0], rewriting.in_float32(_source(frozen.outputs[0]))
    definition = frozen.graph.as_graph_def()
    del definition.node[:]
    definition.node.extend(_reachable(rewriting.nodes, outputs, without=images.op.name))
    narrow = [
        node.attr[DTYPE].type == rewriting.dtype.as_datatype_enum
        for node in _with_called(definition)
        if node.op in PRODUCTS
    ]
    return MixedGraph(definition, images.name, outputs, sum(narrow), len(narrow) - sum(narrow))


class _Rewriting:
    """The nodes of the new graph by name, in order, operation after operation."""

    def __init__(self, dtype: Loaded) -> None:
        self.nodes: dict[str, Message] = {}
        self.dtype = dtype
        #: Names of tensors that are in 16 bits, and of operations that depend on no image.
        self._narrow: set[str] = set()
        self._constant: set[str] = set()

    def add(self, operation: Loaded) -> None:
        """Add an operation, in 16 bits where it should be, with the casts that it needs."""
        if _is_constant(operation, self._constant):
            self._constant.add(operation.name)
        narrow = self._should_be_narrow(operation)
        inputs = _positions(operation, operation.op_def.input_arg) if narrow else ()
        node = _bare_node(operation)
        for position, tensor in enumerate(operation.inputs):
            take = self._in_16_bits if position in inputs else self.in_float32
            node.input.append(take(_source(tensor)))
        if narrow:
            self._narrow_outputs(operation, node)
        self.nodes[node.name] = node

    def _should_be_narrow(self, operation: Loaded) -> bool:
        able = operation.type in PRODUCTS | FOLLOWERS
        if not able or operation.get_attr(DTYPE).name != "float32":
            return False
        if operation.type in PRODUCTS:
            return True
        positions = _positions(operation, operation.op_def.input_arg)
        given = [_source(operation.inputs[position]) for position in positions]
        others = [each.op for each in given if each.name not in self._narrow]
        return len(others) < len(given) and all(
            each.name in self._constant or each.type == POOLED for each in others
        )

    def _narrow_outputs(self, operation: Loaded, node: Message) -> None:
        node.attr[DTYPE].type = self.dtype.as_datatype_enum
        if operation.type in NORMS:
            node.op = NORMS[-1]
            node.attr["U"].type = operation.inputs[1].dtype.as_datatype_enum
        outputs = _positions(operation, operation.op_def.output_arg)
        self._narrow |= {operation.outputs[position].name for position in outputs}

    def in_float32(self, tensor: Tensor) -> str:
        """The name of a tensor with these values in float32, or of what has no 16 bits: itself."""
        return self._cast(tensor, "float32") if tensor.name in self._narrow else str(tensor.name)

    def _in_16_bits(self, tensor: Tensor) -> str:
        return str(tensor.name) if tensor.name in self._narrow else self._cast(tensor, self.dtype)

    def _cast(self, tensor: Tensor, dtype: Loaded) -> str:
        """The name of a tensor with these values in another dtype; constants are cast now."""
        import tensorflow as tf

        target = tf.as_dtype(dtype)
        name = f"{tensor.op.name}/output_{tensor.value_index}_as_{target.name}"
        if name in self.nodes:
            return f"{name}:0"
        if tensor.op.type == "Const":
            node = _bare_node(tensor.op, name)
            with np.errstate(over="ignore"):  # what becomes infinite shows in the outputs
                values = tf.make_ndarray(node.attr["value"].tensor).astype(target.as_numpy_dtype)
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(values))
            node.attr["dtype"].type = target.as_datatype_enum
        else:
            node = tf.compat.v1.NodeDef(name=name, op="Cast", input=[tensor.name])
            node.attr["SrcT"].type = (
                self.dtype if tensor.name in self._narrow else tensor.dtype
            ).as_datatype_enum
            node.attr["DstT"].type = target.as_datatype_enum
        self.nodes[name] = node
        return f"{name}:0"


def _is_constant(operation: Loaded, constant: set[str]) -> bool:
    """Whether it gives the same for all images, being made of constants only."""
    if operation.type == "Const":
        return True
    made_of = [_source(tensor).op.name for tensor in operation.inputs]
    return bool(made_of) and not operation.op_def.is_stateful and constant.issuperset(made_of)


def _source(tensor: Tensor) -> Tensor:
    """The tensor itself, behind operations that only pass it on."""
    while tensor.op.type in ALIASES:
        tensor = tensor.op.inputs[tensor.value_index]
    return tensor


def _positions(operation: Loaded, arguments: Iterable[Message]) -> range | list[int]:
    """Which of its inputs, or of its outputs, have the dtype that ``DTYPE`` names."""
    if operation.type in NORMS:  # of the last one, which it becomes
        return range(1)
    positions: list[int] = []
    first = 0
    for argument in arguments:
        after = first + (operation.get_attr(argument.number_attr) if argument.number_attr else 1)
        if argument.type_attr == DTYPE:
            positions += range(first, after)
        first = after
    return positions


def _bare_node(operation: Loaded, name: str | None = None) -> Message:
    """Its NodeDef without inputs, which are given anew, and without a place."""
    node = operation.node_def
    node.name = name or node.name
    node.device = ""
    del node.input[:]
    node.attr.pop("_class", None)  # what it should be placed with
    return node


def _reachable(nodes: dict[str, Message], outputs: str, *, without: str) -> list[Message]:
    """The nodes that the outputs depend on, in order, without the one for the images."""
    needed = {without}
    waiting = [outputs]
    while waiting:
        name = waiting.pop().partition(":")[0]
        if name not in needed:
            needed.add(name)
            waiting += nodes[name].input
    return [node for name, node in nodes.items() if name in needed and name != without]


def _with_called(definition: Message) -> list[Message]:
    """The nodes of a graph, and of the functions that it calls."""
    functions = {each.signature.name: each.node_def for each in definition.library.function}
    nodes, waiting = [], list(definition.node)
    while waiting:
        node = waiting.pop()
        nodes.append(node)
        for value in node.attr.values():
            for called in (value.func, *value.list.func):
                waiting += functions.pop(called.name, ())
    return nodes
