"""The multiply-adds of a model, counted in its graph.

Counted: convolutions (also depthwise, grouped, 3-D and transposed), matrix products and einsums.
Left out: biases, batch norm, activations, residual additions, pooling, padding, resizing, and what
is computed from weights alone, as where batch norm is folded into a kernel. The zeros of a SAME
padding count like pixels.

MobileNetV2 1.0 with 1001 classes at 224: 300.8 M; its authors publish 300 M.
EfficientNet-Lite0 at 224: 385.2 M, as other counts of its layers say; its authors publish 407 M.
The rest, 21.8 M, is unexplained. Their numbers for Lite1 to Lite4 exceed the layers' too, by 3.0
for each value that a convolution puts out (Lite0: 3.2), as if they held batch norm's arithmetic.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

from tl_core.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any, TypeAlias

    from tl_core.models.module import HubModule
    from tl_core.models.untyped import Loaded, Message, Tensor

    Operation: TypeAlias = Any  # a node of a TensorFlow graph

#: Types of operations that may hold many multiply-adds; without a counter they are ``uncounted``.
_HEAVY = re.compile(
    r"Conv(?!ert)|MatMul|MatrixMul|Einsum|Dot|RNN|LSTM|GRU|FFT|Attention|Solve|Inverse|Cholesky"
    r"|Svd|Qr$|Eig|PyFunc|XlaCallModule|CustomCall|RemoteCall|^Enter$|TfLite|TRTEngine"
)
#: Their results depend on the size of the images, but not on their pixels.
_SIZE_ONLY = frozenset({"Shape", "ShapeN", "Size", "Rank"})
#: Attributes that keep a call as it is, or that take the branches of a condition into the graph.
_IN_THE_WAY = ("api_implements", "_noinline", "_XlaMustCompile", "_lower_using_switch_merge")
_CALL = re.compile(r"(Stateful)?PartitionedCall(_\d+)?$")


@dataclass(frozen=True)
class LayerCount:
    """One operation for one image.

    Attributes:
        name: In the graph.
        op: Its type.
        multiply_adds: How many it has.
        values: Numbers that it reads and writes for each image; None where the graph leaves a shape
            open.
        weights: Numbers that it reads once for all images of a call.
    """

    name: str
    op: str
    multiply_adds: int
    values: int | None
    weights: int


@dataclass(frozen=True)
class MultiplyAdds:
    """The multiply-adds of a model for one image, at inference.

    Attributes:
        total: Of all layers. Floating-point operations (FLOPs) are twice as many.
        by_layer: Every operation that has some, in the order of computation.
        uncounted: Sorted types of operations that may have some, but have no counter, or shapes
            that the graph leaves open. Where there are any, ``total`` is a lower bound.
    """

    total: int
    by_layer: tuple[LayerCount, ...]
    uncounted: tuple[str, ...]


class _OpenShapeError(Exception):
    """A shape that the graph leaves open."""


def multiply_adds(module: HubModule, image_size: int) -> MultiplyAdds:
    """Count the multiply-adds of a model for one image of ``image_size`` pixels, at inference.

    The model is not run: shapes follow from float32 ``(1, image_size, image_size, 3)``. Operations
    that the output or the pixels have no part in are left out. Bodies of loops and conditions are
    not counted: ``uncounted`` names those that hold convolutions and the like.

    Raises:
        ModelError: The model doesn't take images of this size.
    """
    import tensorflow as tf

    if image_size < 1:
        raise ModelError(
            f"{module.handle}: image size {image_size}, expected pixels, 1 or more; use "
            f"{module.image_size or 224}"
        )
    call = tf.function(lambda images: module(images, training=False), autograph=False)
    try:
        concrete = call.get_concrete_function(tf.TensorSpec((1, image_size, image_size, 3)))
        output, bodies = _with_shapes(concrete, _inlined(concrete))
    except ModelError:
        raise
    except (ValueError, tf.errors.InvalidArgumentError) as error:
        raise ModelError(
            f"{module.handle}: images of {image_size} × {image_size} don't fit "
            f"({str(error).splitlines()[0]}); expected a size that its layers can take; use "
            f"{module.image_size or 224}"
        ) from error
    return _counted(_from_pixels_to(output, concrete.inputs[0].op.name), bodies)


def _inlined(concrete: Loaded) -> Message:
    """The graph of a function with the calls in it replaced by what they call."""
    import tensorflow as tf
    from tensorflow.python.grappler import tf_optimizer  # no public name inlines

    meta = tf.compat.v1.MetaGraphDef(graph_def=concrete.graph.as_graph_def())
    functions = meta.graph_def.library.function
    inner = chain.from_iterable(function.node_def for function in functions)
    for each in chain(functions, meta.graph_def.node, inner):
        for attribute in _IN_THE_WAY:
            each.attr.pop(attribute, None)
    fetches = [tensor.name for tensor in concrete.outputs]
    meta.collection_def["train_op"].node_list.value.extend(fetches)
    config = tf.compat.v1.ConfigProto()
    rewrite = config.graph_options.rewrite_options
    rewrite.min_graph_nodes = -1  # also graphs of a few nodes
    rewrite.optimizers.append("function")
    return tf_optimizer.OptimizeGraph(config, meta)


def _with_shapes(concrete: Loaded, graph_def: Message) -> tuple[Operation, dict[str, Message]]:
    """Import a graph, its variables as handles of known shape, so that all shapes are inferred.

    Returned are the operation that puts out the matrix, in its new graph, and by name the functions
    that could not be inlined (the bodies of loops and conditions).
    """
    import tensorflow as tf

    handles = {id(variable.handle): variable for variable in concrete.variables}
    with tf.Graph().as_default():
        known = {
            inner.name: tf.raw_ops.VarHandleOp(dtype=variable.dtype, shape=variable.shape)
            for outer, inner in concrete.graph.captures
            if (variable := handles.get(id(outer))) is not None
        }
        (output,) = tf.graph_util.import_graph_def(
            graph_def, known, [concrete.outputs[0].name], name=""
        )
    return output.op, {each.signature.name: each for each in graph_def.library.function}


def _from_pixels_to(output: Operation, image: str) -> list[Operation]:
    """What lies between the operation named ``image`` and the output, in order."""

    def users(op: Operation) -> list[Operation]:
        return [] if op.type in _SIZE_ONLY else [u for t in op.outputs for u in t.consumers()]

    needed = _reachable([output], lambda op: (tensor.op for tensor in op.inputs))
    pixels = _reachable([op for op in needed if op.name == image], users)
    return [op for op in output.graph.get_operations() if op in needed & pixels]


def _reachable(
    start: list[Operation], step: Callable[[Operation], Iterable[Operation]]
) -> set[Operation]:
    reached, waiting = set(start), list(start)
    while waiting:
        new = set(step(waiting.pop())) - reached
        reached |= new
        waiting.extend(new)
    return reached


def _counted(operations: list[Operation], bodies: dict[str, Message]) -> MultiplyAdds:
    layers, uncounted, computed = [], set(), set(operations)
    for op in operations:
        try:
            count = _COUNTERS[op.type](op) if op.type in _COUNTERS else None
        except _OpenShapeError:
            count = None
        if count:
            layers.append(LayerCount(_short(op.name), op.type, count, *_moved(op, computed)))
        elif count is None and (_HEAVY.search(op.type) or _calls_heavy(op.node_def, bodies)):
            uncounted.add(op.type)
    total = sum(layer.multiply_adds for layer in layers)
    return MultiplyAdds(total, tuple(layers), tuple(sorted(uncounted)))


def _moved(op: Operation, computed: set[Operation]) -> tuple[int | None, int]:
    """Numbers that an operation reads and writes for each image, and those that are weights.

    Weights are what it reads from operations that aren't ``computed`` from the image.
    """

    def numbers(tensors: Iterable[Tensor]) -> int:
        return sum(math.prod(_dims(each)) for each in tensors)

    read = [each for each in op.inputs if each.dtype.is_floating]
    try:
        values = numbers(each for each in read if each.op in computed) + numbers(op.outputs)
        return values, numbers(each for each in read if each.op not in computed)
    except _OpenShapeError:
        return None, 0


def _calls_heavy(node: Message, bodies: dict[str, Message]) -> bool:
    """Whether a function that the node calls, or one called from there, has a heavy operation."""
    called = [each.name for a in node.attr.values() for each in (a.func, *a.list.func)]
    return any(
        _HEAVY.search(inner.op) or _calls_heavy(inner, bodies)
        for name in called
        if name in bodies
        for inner in bodies[name].node_def
    )


def _short(name: str) -> str:
    return "/".join(part for part in name.split("/") if not _CALL.match(part))


def _dims(tensor: Tensor) -> tuple[int, ...]:
    if not tensor.shape.is_fully_defined():
        raise _OpenShapeError
    return tuple(tensor.shape.as_list())


def _convolution(op: Operation) -> int:
    """Each output value takes a kernel's sides × the channels that go into its group."""
    return math.prod(_dims(op.outputs[0])) * math.prod(_dims(op.inputs[1])[:-1])


def _depthwise(op: Operation) -> int:
    return math.prod(_dims(op.outputs[0])) * math.prod(_dims(op.inputs[1])[:2])


def _transposed(op: Operation) -> int:
    """Each value of the third argument, the input, goes into as many as it would come from."""
    return math.prod(_dims(op.inputs[2])) * math.prod(_dims(op.inputs[1])[:-1])


def _product(op: Operation) -> int:
    """Each output value takes as many as the first matrix has columns."""
    swapped: bool = op.get_attr("transpose_a" if op.type == "MatMul" else "adj_x")
    return math.prod(_dims(op.outputs[0])) * _dims(op.inputs[0])[-2 if swapped else -1]


def _einsum(op: Operation) -> int:
    """Each output value takes a product over the labels that only the two inputs share."""
    equation: str = op.get_attr("equation").decode().replace(" ", "")
    terms, _, result = equation.partition("->")
    if len(op.inputs) == 1:
        return 0  # sums and transposes only; TensorFlow takes two inputs at most
    first, second = terms.split(",")
    shape, (left, _, right) = _dims(op.inputs[0]), first.partition("...")
    sizes = dict(zip(left, shape, strict=False)) | dict(zip(right[::-1], shape[::-1], strict=False))
    contracted = set(left + right) & set(second) - set(result)
    return math.prod(_dims(op.outputs[0])) * math.prod(sizes[label] for label in contracted)


_COUNTERS: dict[str, Callable[[Operation], int]] = {
    **dict.fromkeys(("Conv", "Conv2D", "Conv3D"), _convolution),
    "DepthwiseConv2dNative": _depthwise,
    **dict.fromkeys(("Conv2DBackpropInput", "Conv2DBackpropInputV2"), _transposed),
    **dict.fromkeys(("Conv3DBackpropInput", "Conv3DBackpropInputV2"), _transposed),
    **dict.fromkeys(("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"), _product),
    "Einsum": _einsum,
}
