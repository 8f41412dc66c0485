"""Products are in 16 bits, sums of many values are not, and a network computes what it did."""

import numpy as np
import pytest

from tl_core.conversion import mixed_precision
from tl_core.conversion.mixed_precision import FOLLOWERS, NORMS, PRODUCTS, in_mixed_precision

RNG = np.random.default_rng(20180307)
DTYPES = ("bfloat16", "float16")
#: The distance from 1 to the next number.
STEP = {"bfloat16": 2**-7, "float16": 2**-10}


def weights(*shape, scale=0.3):
    return RNG.normal(0, scale, shape).astype(np.float32)


def rounded(values, dtype):
    """Values in 16 bits, as float64; NumPy itself has no bfloat16."""
    if dtype == "float16":
        return values.astype(np.float16).astype(np.float64)
    bits = values.astype(np.float32).view(np.uint32).astype(np.uint64)
    upper = (bits + 0x7FFF + ((bits >> 16) & 1)) >> 16 << 16
    return upper.astype(np.uint32).view(np.float32).astype(np.float64)


def frozen(function, shape=(None, 8, 8, 3)):
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

    spec = tf.TensorSpec(shape, tf.float32, name="images")
    traced = tf.function(function, input_signature=[spec], autograph=False)
    return convert_variables_to_constants_v2(traced.get_concrete_function())


def run(graph, images):
    import tensorflow as tf

    def imported(images):
        return tf.graph_util.import_graph_def(
            graph.definition, {graph.images: images}, [graph.outputs], name=""
        )[0]

    return tf.function(imported, autograph=False)(images)


def computed_in(graph, dtype):
    """The types of the operations whose values have a dtype."""
    import tensorflow as tf

    wanted = tf.as_dtype(dtype).as_datatype_enum
    nodes = [node for node in graph.definition.node if "T" in node.attr]
    return {node.op for node in nodes if node.attr["T"].type == wanted}


KERNEL, DEPTHWISE = weights(3, 3, 3, 16), weights(3, 3, 16, 1)
POINTWISE, SQUARE = weights(1, 1, 16, 16), weights(16, 16)
BIAS = weights(16)
STATISTICS = (1 + weights(16) ** 2, BIAS, weights(16), 1 + weights(16) ** 2)


def tf_conv(images, kernel=KERNEL):
    import tensorflow as tf

    return tf.nn.conv2d(images, kernel, 1, "SAME")


def convolutions(tf, images):
    x = tf.nn.relu6(tf.nn.bias_add(tf_conv(2 * images - 1), BIAS))
    x = tf.tanh(tf.nn.depthwise_conv2d(x, DEPTHWISE, (1, 1, 1, 1), "SAME"))
    return tf.reduce_mean(tf.nn.leaky_relu(tf_conv(x, POINTWISE)) + x, (1, 2))


def batch_norm(kind):
    def network(tf, images):
        operation = getattr(tf.raw_ops, kind)
        scale, offset, mean, variance = STATISTICS
        x = operation(
            x=tf_conv(images), scale=scale, offset=offset, mean=mean, variance=variance,
            is_training=False,
        ).y  # fmt: skip
        return tf.reduce_mean(tf.nn.relu(x), (1, 2))

    return network


def batch_norm_by_hand(tf, images):
    scale, offset, mean, variance = STATISTICS
    factor = tf.math.rsqrt(tf.constant(variance) + 1e-3) * scale
    return tf.reduce_mean(tf_conv(images) * factor + (offset - mean * factor), (1, 2))


def dense_block(tf, images):
    pooled = tf.nn.avg_pool2d(tf_conv(images), 2, 2, "SAME")
    joined = tf.concat([pooled, tf_conv(tf.nn.relu(pooled), POINTWISE)], 3)
    return tf.reduce_mean(tf.nn.max_pool2d(joined, 2, 2, "SAME"), (1, 2))


def squeeze_and_excite(tf, images):
    x = tf.nn.silu(tf_conv(images))  # has a gradient of its own, which wraps it in IdentityN
    gate = tf.sigmoid(tf_conv(tf.reduce_mean(x, (1, 2), keepdims=True), POINTWISE))
    return tf.reduce_mean(x * gate, (1, 2))


def attention(tf, images):
    x = tf.reshape(tf_conv(images), (-1, 64, 16))
    mean, variance = tf.nn.moments(x, -1, keepdims=True)
    normed = (x - mean) * tf.math.rsqrt(variance + 1e-3) * (1 + BIAS)
    query, key = tf.einsum("nij,jk->nik", normed, SQUARE), tf.einsum("nij,kj->nik", normed, SQUARE)
    shares = tf.nn.softmax(tf.matmul(query, key, transpose_b=True))
    return tf.reduce_mean(x + tf.matmul(shares, x), 1)


def shared_constant(tf, images):
    x = tf.reduce_mean(tf_conv(images), (1, 2))
    table = tf.constant(SQUARE)
    return tf.nn.softmax(x * tf.reduce_mean(table, 0)) + tf.matmul(x, table)


#: A network, what it computes in 16 bits, and what in float32.
NETWORKS = {
    "convolutions": (
        convolutions,
        {"Conv2D", "BiasAdd", "Relu6", "DepthwiseConv2dNative", "Tanh", "LeakyRelu", "AddV2"},
        {"Mul", "Sub", "Mean"},  # pixels are scaled in float32
    ),
    "batch norm": (batch_norm("FusedBatchNormV3"), {"Conv2D", NORMS[-1], "Relu"}, {"Mean"}),
    "TensorFlow 1's batch norm": (
        batch_norm("FusedBatchNorm"), {"Conv2D", NORMS[-1], "Relu"}, {"Mean"},
    ),
    "batch norm by hand": (
        batch_norm_by_hand, {"Conv2D", "Mul", "AddV2"}, {"Rsqrt", "Mul", "AddV2", "Sub", "Mean"},
    ),
    "dense block": (
        dense_block, {"Conv2D", "ConcatV2", "MaxPool"}, {"AvgPool", "Relu", "Mean"},
    ),
    "squeeze and excite": (squeeze_and_excite, {"Conv2D", "Sigmoid", "Mul"}, {"Mean"}),
    "attention": (
        attention,
        {"Conv2D", "Reshape", "Einsum", "BatchMatMulV2", "AddV2"},
        {"SquaredDifference", "Rsqrt", "Mul", "AddV2", "Sub", "Softmax", "Mean"},
    ),
    "a constant used in both": (
        shared_constant, {"Conv2D", "MatMul"}, {"Mean", "Mul", "Softmax", "AddV2"},
    ),
}  # fmt: skip


def cosines(a, b):
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", NETWORKS)
def test_what_a_network_is_computed_in_and_that_it_stays_the_same(name, dtype):
    import tensorflow as tf

    network, narrow, wide = NETWORKS[name]
    function = frozen(lambda images: network(tf, images))
    images = RNG.uniform(0, 1, (6, 8, 8, 3)).astype(np.float32)

    graph = in_mixed_precision(function, dtype)
    outputs = run(graph, images)

    assert computed_in(graph, dtype) == narrow
    assert computed_in(graph, "float32") == wide
    assert graph.left == 0
    assert outputs.dtype == tf.float32
    (expected,) = function(tf.constant(images))
    nearness = cosines(outputs.numpy(), expected.numpy())
    assert 1 - nearness.min() < STEP[dtype] ** 2
    assert np.abs(outputs - expected).max() > 0, "not float32 under another name"


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_product_rounds_what_it_takes_and_gives_and_nothing_else(dtype):
    import tensorflow as tf

    matrix = weights(12, 5)
    function = frozen(lambda rows: tf.matmul(rows / 3.0, matrix), (None, 12))
    rows = RNG.normal(size=(7, 12)).astype(np.float32)

    outputs = run(in_mixed_precision(function, dtype), rows).numpy()

    exact = rounded(rows / np.float32(3), dtype) @ rounded(matrix, dtype)
    np.testing.assert_allclose(outputs, exact, rtol=STEP[dtype], atol=STEP[dtype] / 8)
    np.testing.assert_array_equal(outputs, rounded(outputs, dtype))


def test_the_frozen_function_stays_as_it_is():
    import tensorflow as tf

    function = frozen(lambda images: convolutions(tf, images))
    before = function.graph.as_graph_def().SerializeToString(deterministic=True)
    in_mixed_precision(function, "bfloat16")
    assert function.graph.as_graph_def().SerializeToString(deterministic=True) == before


def test_weights_are_constants_in_16_bits_and_none_is_there_twice():
    import tensorflow as tf

    variables = [tf.Variable(each) for each in (KERNEL, DEPTHWISE, POINTWISE, BIAS)]

    def network(images):
        kernel, depthwise, pointwise, bias = variables
        x = tf.nn.bias_add(tf_conv(images, kernel), bias)
        return tf_conv(tf.nn.depthwise_conv2d(x, depthwise, (1, 1, 1, 1), "SAME"), pointwise)

    graph = in_mixed_precision(frozen(network), "bfloat16")
    sizes = {}
    for node in graph.definition.node:
        if node.op == "Const" and node.attr["dtype"].type == tf.bfloat16.as_datatype_enum:
            values = tf.make_ndarray(node.attr["value"].tensor)
            sizes[values.shape] = values.dtype.itemsize
    assert sizes == {tuple(each.shape): 2 for each in variables}
    assert computed_in(graph, "float32") == set(), "not even copies of weights"


def test_places_are_those_of_whoever_runs_it():
    import tensorflow as tf

    def placed(images):
        with tf.device("CPU:0"):
            return tf_conv(images)

    graph = in_mixed_precision(frozen(placed), "float16")
    assert {node.device for node in graph.definition.node} == {""}


@pytest.mark.parametrize("own", ["float16", "float64"])
def test_products_of_another_dtype_are_left_and_counted(own):
    import tensorflow as tf

    def network(images):
        x = tf.cast(tf_conv(images), own)
        return tf.cast(tf.nn.conv2d(x, POINTWISE.astype(own), 1, "SAME"), tf.float32)

    graph = in_mixed_precision(frozen(network), "bfloat16")
    assert (graph.products, graph.left) == (1, 1)


def test_the_nodes_of_functions_that_are_called_count_and_those_of_others_do_not():
    import tensorflow as tf

    definition = tf.compat.v1.GraphDef()
    definition.node.add(name="call", op="PartitionedCall").attr["f"].func.name = "outer"
    for name in ("outer", "inner", "other"):
        function = definition.library.function.add()
        function.signature.name = name
        function.node_def.add(name="product", op="MatMul")
    branches = definition.library.function[0].node_def.add(name="choice", op="Case")
    branches.attr["branches"].list.func.add(name="inner")
    branches.attr["branches"].list.func.add(name="outer")
    nodes = [node.op for node in mixed_precision._with_called(definition)]
    assert sorted(nodes) == ["Case", "MatMul", "MatMul", "PartitionedCall"]


#: Networks of random weights, and what they compute in float32: input, means, gates, pools.
KNOWN = {
    "MobileNetV2": {"Mean"},
    "EfficientNetV2B0": {"Mean", "Reshape", "Shape"},
    "DenseNet121": {"Pad", "AvgPool", "FusedBatchNormV3", "Relu", "Mean"},
}


@pytest.mark.slow
@pytest.mark.parametrize("name", KNOWN)
def test_known_networks_spend_their_time_in_16_bits(name):
    import tensorflow as tf
    import tf_keras

    tf_keras.utils.set_random_seed(1)
    build = getattr(tf_keras.applications, name)
    model = build(weights=None, include_top=False, pooling="avg", input_shape=(64, 64, 3))
    function = frozen(lambda images: model(images, training=False), (None, 64, 64, 3))
    images = RNG.uniform(-1, 1, (4, 64, 64, 3)).astype(np.float32)

    graph = in_mixed_precision(function, "bfloat16")

    scaling = {"Mul", "Sub", "AddV2", "Sqrt", "Maximum", "RealDiv"}
    assert computed_in(graph, "float32") - scaling == KNOWN[name]
    assert (graph.products > 50, graph.left) == (True, 0)
    (expected,) = function(tf.constant(images))
    assert cosines(run(graph, images).numpy(), expected.numpy()).min() > 0.99


@pytest.mark.parametrize("device", ["CPU", "GPU"])
@pytest.mark.parametrize("dtype", DTYPES)
def test_tensorflow_has_kernels_for_all_of_it(device, dtype):
    import tensorflow as tf
    from tensorflow.python.framework.kernels import get_registered_kernels_for_op

    def has(operation):
        wanted = tf.as_dtype(dtype).as_datatype_enum
        return any(
            each.device_type == device
            and all(wanted in rule.allowed_values.list.type for rule in each.constraint
                    if rule.name == "T")
            for each in get_registered_kernels_for_op(operation).kernel
        )  # fmt: skip

    if not any(each.device_type == device for each in get_registered_kernels_for_op("Relu").kernel):
        pytest.skip(f"this TensorFlow was built without kernels for a {device}")
    needed = (PRODUCTS | FOLLOWERS) - set(NORMS[:-1])
    assert {name for name in needed if not has(name)} == set()
