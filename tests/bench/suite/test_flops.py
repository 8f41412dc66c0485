"""Multiply-adds: against counts by hand from the published tables, and from Keras's layers."""

import math

import pytest

from tl_core.errors import ModelError
from tl_core.models import open_module, resolve
from tl_core.models.export import save_module
from tlbench.suite.flops import LayerCount, MultiplyAdds, multiply_adds
from tlbench.suite.traffic import Traffic, traffic_of

# Kernel, stride of the first block, expansion, channels in and out, blocks, side of the first
# block's input at 224.
#: Table 2 of Sandler et al., "MobileNetV2" (2018).
MOBILENET_V2 = [
    (3, 1, 1, 32, 16, 1, 112),
    (3, 2, 6, 16, 24, 2, 112),
    (3, 2, 6, 24, 32, 3, 56),
    (3, 2, 6, 32, 64, 4, 28),
    (3, 1, 6, 64, 96, 3, 14),
    (3, 2, 6, 96, 160, 3, 14),
    (3, 1, 6, 160, 320, 1, 7),
]
#: Table 1 of Tan and Le, "EfficientNet" (2019): B0, which Lite0 is without squeeze-and-excitation.
EFFICIENTNET_LITE0 = [
    (3, 1, 1, 32, 16, 1, 112),
    (3, 2, 6, 16, 24, 2, 112),
    (5, 2, 6, 24, 40, 2, 56),
    (3, 2, 6, 40, 80, 3, 28),
    (5, 1, 6, 80, 112, 3, 14),
    (5, 2, 6, 112, 192, 4, 14),
    (3, 1, 6, 192, 320, 1, 7),
]


def _by_hand(table, size, classes):
    """The multiply-adds of each layer: 3 × 3 stem of 32, blocks, 1 × 1 head of 1280, classifier."""
    side = math.ceil(size / 2)
    counts = [side**2 * 32 * 3 * 3 * 3]
    for kernel, first_stride, expansion, channels_in, channels_out, blocks, side_at_224 in table:
        assert size != 224 or side == side_at_224
        for block in range(blocks):
            wide = expansion * channels_in
            if expansion > 1:
                counts.append(side**2 * channels_in * wide)
            side = math.ceil(side / first_stride) if block == 0 else side
            counts += [side**2 * wide * kernel**2, side**2 * wide * channels_out]
            channels_in = channels_out  # noqa: PLW2901 -- the next block's
    counts.append(side**2 * 320 * 1280)
    return [*counts, 1280 * classes] if classes else counts


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("form", "kind", "classes", "published"),
    [
        ("classification", "logits", 1001, 300_775_552),
        ("feature_vector", "features", 0, 299_494_272),
    ],
)
def test_mobilenet_v2_has_the_published_multiply_adds(
    shared_models, form, kind, classes, published
):
    archive = shared_models / f"mobilenet_v2_100_224-{form}.tar.gz"

    counted = multiply_adds(open_module(resolve(str(archive), kind)), 224)

    assert [layer.multiply_adds for layer in counted.by_layer] == _by_hand(
        MOBILENET_V2, 224, classes
    )
    assert (counted.total, counted.uncounted) == (published, ())
    values, weights = 224 * 224 * 3 + 112 * 112 * 32, 3 * 3 * 3 * 32
    assert counted.by_layer[0] == LayerCount("Conv/Conv2D", "Conv2D", 10_838_016, values, weights)


@pytest.mark.parametrize(
    ("kind", "classes", "size", "total"),
    [
        pytest.param("logits", 1000, 224, 385_187_552, marks=pytest.mark.slow),
        ("logits", 1000, 160, 197_151_200),
        ("features", 0, 75, 54_955_232),
    ],
)
def test_efficientnet_lite0_has_those_of_its_table_at_every_size(kind, classes, size, total):
    counted = multiply_adds(open_module(resolve("efficientnet-lite0", kind)), size)

    assert [layer.multiply_adds for layer in counted.by_layer] == _by_hand(
        EFFICIENTNET_LITE0, size, classes
    )
    assert (counted.total, counted.uncounted) == (total, ())


@pytest.mark.slow
def test_a_keras_model_has_those_of_its_layers(tmp_path):
    import tf_keras

    from tl_core.models.keras_applications import export

    model = tf_keras.applications.MobileNet(weights=None)
    expected = []
    for layer in model.layers:
        if isinstance(layer, (tf_keras.layers.Conv2D, tf_keras.layers.DepthwiseConv2D)):
            kernel = layer.weights[0].shape
            expected.append(math.prod(layer.output_shape[1:3]) * kernel.num_elements())
    export("MobileNet", "logits", tmp_path, weights=None)

    counted = multiply_adds(open_module(tmp_path), 224)

    assert [layer.multiply_adds for layer in counted.by_layer] == expected
    # Howard et al., "MobileNets" (2017), table 8: 569 million.
    assert (round(counted.total / 1e6), counted.uncounted) == (569, ())


@pytest.fixture
def module_of(tmp_path):
    """From a function of images and kernels, and the kernels' shapes, to a saved, loaded module."""

    def saved(forward, *shapes):
        import tensorflow as tf

        kernels = [tf.Variable(tf.ones(shape)) for shape in shapes]
        save_module(
            tmp_path,
            lambda images, training: (
                tf.zeros((1, 4)) + tf.reduce_sum(forward(tf, images, *kernels))
            ),
            kernels,
            image_shape=(None, None, 3),
            image_size=9,
            training=False,
        )
        return open_module(tmp_path, "tiny", trust=True)  # which may have any operation

    return saved


#: Images are 9 × 9 × 3.
LAYERS = [
    pytest.param(
        lambda tf, x, k: tf.nn.conv2d(x, k, 2, "SAME"),
        [(3, 3, 3, 4)], "Conv2D", (5 * 5) * 4 * (3 * 3 * 3),
        id="SAME, stride 2",
    ),
    pytest.param(
        lambda tf, x, k: tf.nn.conv2d(x, k, 2, "VALID"),
        [(3, 3, 3, 4)], "Conv2D", (4 * 4) * 4 * (3 * 3 * 3),
        id="VALID, stride 2",
    ),
    pytest.param(
        lambda tf, x, k: tf.nn.conv2d(x, k, (1, 3), "VALID"),
        [(1, 3, 3, 4)], "Conv2D", (9 * 3) * 4 * (1 * 3 * 3),
        id="a kernel and stride that are not square",
    ),
    pytest.param(
        lambda tf, x, k: tf.nn.conv2d(x, k, 1, [[0, 0], [1, 2], [0, 1], [0, 0]]),
        [(3, 3, 3, 4)], "Conv2D", (10 * 8) * 4 * (3 * 3 * 3),
        id="explicit padding",
    ),
    pytest.param(
        lambda tf, x, k: tf.nn.conv2d(x, k, 1, "VALID", dilations=2),
        [(3, 3, 3, 4)], "Conv2D", (5 * 5) * 4 * (3 * 3 * 3),
        id="dilated",
    ),
    pytest.param(
        lambda tf, x, k: tf.nn.conv2d(x, k, 1, "SAME"),
        [(3, 3, 1, 6)], "Conv2D", (9 * 9) * 6 * (3 * 3 * 1),
        id="three groups",
    ),
    pytest.param(
        lambda tf, x, k: tf.nn.conv2d(
            tf.transpose(x, (0, 3, 1, 2)), k, 2, "SAME", data_format="NCHW"
        ),
        [(3, 3, 3, 4)], "Conv2D", (5 * 5) * 4 * (3 * 3 * 3),
        id="channels first",
    ),
    pytest.param(
        lambda tf, x, k: tf.nn.depthwise_conv2d(x, k, (1, 1, 1, 1), "VALID"),
        [(3, 3, 3, 2)], "DepthwiseConv2dNative", (7 * 7) * (3 * 2) * (3 * 3),
        id="depthwise, two for each channel",
    ),
    pytest.param(
        # TensorFlow computes four images, each of every second pixel, rounded up to 5 × 5.
        lambda tf, x, k: tf.nn.depthwise_conv2d(x, k, (1, 1, 1, 1), "SAME", dilations=(2, 2)),
        [(3, 3, 3, 1)], "DepthwiseConv2dNative", 4 * (5 * 5) * 3 * (3 * 3),
        id="depthwise, dilated",
    ),
    pytest.param(
        lambda tf, x, k: tf.nn.conv2d_transpose(x, k, (1, 18, 18, 4), 2),
        [(3, 3, 4, 3)], "Conv2DBackpropInput", (9 * 9 * 3) * 4 * (3 * 3),
        id="transposed",
    ),
    pytest.param(
        lambda tf, x, k: tf.nn.conv3d(x[:, None], k, (1, 1, 1, 1, 1), "SAME"),
        [(1, 3, 3, 3, 2)], "Conv3D", (9 * 9) * 2 * (3 * 3 * 3),
        id="3-D",
    ),
    pytest.param(
        lambda tf, x, k: tf.matmul(tf.reduce_mean(x, (1, 2)), k),
        [(3, 5)], "MatMul", 3 * 5,
        id="a matrix product",
    ),
    pytest.param(
        lambda tf, x, k: tf.matmul(x[0, :, :4, 0], k, transpose_a=True, transpose_b=True),
        [(5, 9)], "MatMul", 4 * 9 * 5,
        id="a product of transposed matrices",
    ),
    pytest.param(
        lambda tf, x, k: tf.matmul(x, k),
        [(3, 5)], "BatchMatMulV2", (9 * 9) * 3 * 5,
        id="a product for each row of pixels",
    ),
    pytest.param(
        lambda tf, x, k: tf.matmul(x, k, transpose_a=True),
        [(9, 9, 5)], "BatchMatMulV2", 9 * 3 * 9 * 5,
        id="products of transposed matrices",
    ),
    pytest.param(
        lambda tf, x, k: tf.einsum("bhwc,cd->bdhw", x, k),
        [(3, 5)], "Einsum", (9 * 9) * 3 * 5,
        id="an einsum over channels",
    ),
    pytest.param(
        lambda tf, x, k: tf.einsum("...hwc,whd->...dc", x, k),
        [(9, 9, 5)], "Einsum", (9 * 9) * 3 * 5,
        id="an einsum over two axes, with an ellipsis",
    ),
    pytest.param(
        lambda tf, x, k: tf.einsum("bhwc,cd->bd", x, k),
        [(3, 5)], "Einsum", 3 * 5,
        id="an einsum that first sums over pixels",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("forward", "shapes", "op", "expected"), LAYERS)
def test_a_layer_has_the_multiply_adds_of_its_definition(module_of, forward, shapes, op, expected):
    counted = multiply_adds(module_of(forward, *shapes), 9)

    assert [(each.op, each.multiply_adds) for each in counted.by_layer] == [(op, expected)]
    assert (counted.total, counted.uncounted) == (expected, ())


#: Images are 9 × 9 × 3, and so is what all of these read.
MOVED = [
    pytest.param(
        lambda tf, x, k: tf.nn.conv2d(x, k, 2, "SAME"),
        [(3, 3, 3, 4)], 9 * 9 * 3 + 5 * 5 * 4, 3 * 3 * 3 * 4,
        id="a convolution",
    ),
    pytest.param(
        lambda tf, x, k: tf.nn.depthwise_conv2d(x, k, (1, 1, 1, 1), "SAME"),
        [(5, 5, 3, 1)], 2 * 9 * 9 * 3, 5 * 5 * 3,
        id="a depthwise convolution",
    ),
    pytest.param(
        lambda tf, x, k: tf.nn.conv2d_transpose(x, k, (1, 18, 18, 4), 2),
        [(3, 3, 4, 3)], 9 * 9 * 3 + 18 * 18 * 4, 3 * 3 * 4 * 3,
        id="a transposed convolution, whose sizes don't count",
    ),
    pytest.param(
        lambda tf, x, k: tf.matmul(x[0, 0], k),
        [(3, 5)], 9 * 3 + 9 * 5, 3 * 5,
        id="a matrix product",
    ),
    pytest.param(
        lambda tf, x, k: tf.matmul(x[0, 0], x[0, 1], transpose_b=True) * tf.reduce_sum(k),
        [(1, 1)], 2 * 9 * 3 + 9 * 9, 0,
        id="a product of two matrices that are computed from the image, as in attention",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("forward", "shapes", "values", "weights"), MOVED)
def test_a_layer_moves_its_input_its_output_and_its_weights(
    module_of, forward, shapes, values, weights
):
    counted = multiply_adds(module_of(forward, *shapes), 9)

    assert [(each.values, each.weights) for each in counted.by_layer] == [(values, weights)]
    assert traffic_of(counted) == (values, weights)


def _jit_compiled(tf, x, k):
    return tf.function(lambda y: tf.nn.conv2d(y, k, 1, "SAME"), jit_compile=True)(x)


def _folded_weights(tf, x, k):
    return tf.nn.conv2d(
        x, tf.reshape(tf.matmul(tf.reshape(k, (27, 4)), tf.eye(4)), k.shape), 1, "SAME"
    )


def _unused(tf, x, k):
    tf.matmul(x, tf.ones((3, 100)))
    return tf.nn.conv2d(x, k, 1, "SAME")


def _positions(tf, x, k):
    column = tf.cast(tf.range(tf.shape(x)[1]), tf.float32)[:, None]
    return tf.nn.conv2d(x, k, 1, "SAME") + tf.reduce_sum(tf.matmul(column, tf.ones((1, 7))))


def _size_from_the_graph(tf, x, k):
    height, width = tf.unstack(tf.shape(x)[1:3])
    return tf.nn.conv2d(tf.reshape(x, tf.stack([-1, height, width, 3])), k, 1, "SAME")


@pytest.mark.parametrize(
    "forward",
    [
        pytest.param(_jit_compiled, id="in a function that XLA compiles"),
        pytest.param(_folded_weights, id="its kernel computed from weights"),
        pytest.param(_unused, id="beside a product that nothing uses"),
        pytest.param(_positions, id="beside a product that depends on the image's size only"),
        pytest.param(_size_from_the_graph, id="its size computed in the graph"),
    ],
)
def test_only_what_the_pixels_go_through_counts(module_of, forward):
    counted = multiply_adds(module_of(forward, (3, 3, 3, 4)), 9)

    assert (counted.total, counted.uncounted) == ((9 * 9) * 4 * (3 * 3 * 3), ())


@pytest.mark.parametrize(
    ("forward", "uncounted"),
    [
        pytest.param(
            lambda tf, x, k: tf.abs(tf.signal.fft2d(tf.complex(x, x))), ["FFT2D"], id="Fourier"
        ),
        pytest.param(
            lambda tf, x, k: tf.while_loop(
                lambda y: tf.reduce_sum(y) < 9, lambda y: [tf.matmul(y, k)], [x]
            )[0],
            ["While"],
            id="a loop",
        ),
        pytest.param(
            lambda tf, x, k: tf.cond(
                tf.reduce_sum(x) < 9, lambda: tf.matmul(x, k), lambda: tf.nn.relu(x)
            ),
            ["If"],
            id="a condition",
        ),
        pytest.param(
            lambda tf, x, k: tf.while_loop(lambda y: tf.reduce_sum(y) < 9, lambda y: [y + 1], [x])[
                0
            ],
            [],
            id="a loop that only adds",
        ),
        pytest.param(
            lambda tf, x, k: tf.matmul(tf.boolean_mask(x, x[..., 0] > 0), k),
            ["MatMul"],
            id="as many rows as pixels are positive",
        ),
    ],
)
def test_what_may_have_multiply_adds_and_can_t_be_counted_is_named(module_of, forward, uncounted):
    counted = multiply_adds(module_of(forward, (3, 3)), 9)

    assert (counted.total, list(counted.uncounted)) == (0, uncounted)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (0, r"tiny: image size 0, expected pixels, 1 or more; use 9"),
        (4, r"tiny: images of 4 × 4 don't fit \(.*; use 9"),
    ],
)
def test_a_size_that_the_model_can_t_take_is_an_error(module_of, size, message):
    module = module_of(lambda tf, x, k: tf.nn.conv2d(x, k, 1, "VALID"), (5, 5, 3, 4))

    with pytest.raises(ModelError, match=message):
        multiply_adds(module, size)


def test_another_size_than_the_model_s_only_one_is_an_error(tmp_path):
    import tensorflow as tf

    save_module(
        tmp_path,
        lambda images, training: tf.reduce_mean(images, (1, 2)),
        [],
        image_shape=(9, 9, 3),
        image_size=9,
    )

    with pytest.raises(ModelError, match=r"images of shape \(1, 8, 8, 3\), expected .*9, 9, 3"):
        multiply_adds(open_module(tmp_path), 8)


@pytest.mark.parametrize(
    ("precision", "bytes_per_image"), [("fp32", 4 * 130), ("bf16", 2 * 130), ("fp16", 2 * 130),
                                       ("int8", 130)],
)  # fmt: skip
def test_the_images_of_a_call_share_its_weights(precision, bytes_per_image):
    assert Traffic(100, 960).bytes_per_image(precision, 32) == bytes_per_image


@pytest.mark.parametrize(
    ("layers", "uncounted"),
    [
        ([LayerCount("a", "Conv2D", 9, None, 0)], ()),
        ([LayerCount("a", "Conv2D", 9, 5, 1)], ("If",)),
    ],
    ids=["an open shape", "an operation without a count"],
)
def test_traffic_that_is_not_all_known_is_unknown(layers, uncounted):
    assert traffic_of(MultiplyAdds(9, tuple(layers), uncounted)) is None
