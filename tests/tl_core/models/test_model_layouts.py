"""Inputs and outputs of every layout become [0, 1] in and a matrix out."""

import numpy as np
import pytest
from odd_models import EXPECTED, IMAGES, KERNEL, SIDE, features, save

from tl_core.errors import ModelError
from tl_core.models import NetworkSettings, open_module, require
from tl_core.models.input_range import RANGES


def _nchw(images):
    import tensorflow as tf

    return features(tf.transpose(images, (0, 2, 3, 1)))


def _bytes(images):
    import tensorflow as tf

    return features(tf.cast(images, tf.float32) / 255)


def _map(images):
    import tensorflow as tf

    return tf.tensordot(tf.cast(images, tf.float32), KERNEL, 1)


def _map_first(images):
    import tensorflow as tf

    return tf.transpose(_map(tf.transpose(images, (0, 2, 3, 1))), (0, 3, 1, 2))


def _kept(images):
    return features(images)[:, None, None, :]


def _half(images):
    import tensorflow as tf

    return tf.cast(features(images), tf.float16)


def _double(images):
    import tensorflow as tf

    return tf.cast(features(images), tf.float64)


def _without_rank(function):
    import tensorflow as tf

    return lambda images: tf.raw_ops.PlaceholderWithDefault(
        input=function(images), shape=tf.TensorShape(None)
    )


def _of_fixed_shape(images):
    import tensorflow as tf

    return features(tf.ensure_shape(images, (None, SIDE, SIDE, 3)))


NHWC, NCHW = (None, SIDE, SIDE, 3), (None, 3, SIDE, SIDE)


@pytest.mark.parametrize(
    ("function", "shape", "dtype"),
    [
        pytest.param(_nchw, NCHW, "float32", id="colours first"),
        pytest.param(_nchw, (None, 3, None, None), "float32", id="colours first, any size"),
        pytest.param(_bytes, NHWC, "uint8", id="bytes"),
        pytest.param(features, NHWC, "float16", id="half"),
        pytest.param(features, NHWC, "float64", id="double"),
        pytest.param(features, (1, SIDE, SIDE, 3), "float32", id="one at a time"),
        pytest.param(features, (2, SIDE, SIDE, 3), "float32", id="two at a time"),
        pytest.param(features, (8, None, None, 3), "float32", id="eight at a time, any size"),
        pytest.param(_of_fixed_shape, None, "float32", id="any rank"),
        pytest.param(_map, NHWC, "float32", id="a map"),
        pytest.param(_map_first, NCHW, "float32", id="a map, colours first"),
        pytest.param(_kept, NHWC, "float32", id="a map of one place"),
        pytest.param(_half, NHWC, "float32", id="half out"),
        pytest.param(_double, NHWC, "float32", id="double out"),
        pytest.param(lambda x: [features(x)], NHWC, "float32", id="a list of one"),
        pytest.param(lambda x: (_map(x), features(x)), NHWC, "float32", id="map and matrix"),
        pytest.param(_without_rank(features), NHWC, "float32", id="rank lost"),
        pytest.param(_without_rank(_map), NHWC, "float32", id="rank of a map lost"),
    ],
)
def test_a_model_of_any_layout_is_called_in_one_way(tmp_path, function, shape, dtype):
    import tensorflow as tf

    module = open_module(save(tmp_path, function, shape, dtype), image_size=SIDE)
    call = tf.function(module, autograph=False)
    in_graph = call.get_concrete_function(tf.TensorSpec((None, SIDE, SIDE, 3)))

    close = (
        {"rtol": 0.03, "atol": 0.01} if "half" in str(tmp_path) else {"rtol": 0.01, "atol": 5e-3}
    )
    np.testing.assert_allclose(module(IMAGES), EXPECTED, **close)
    np.testing.assert_allclose(in_graph(tf.constant(IMAGES)), EXPECTED, **close)
    assert in_graph.structured_outputs.shape.as_list() == [None, 5]
    assert module(IMAGES).dtype == tf.float32
    assert module.output_size == 5
    assert require(module, "features", size=SIDE) is None


@pytest.mark.parametrize("name", RANGES)
def test_images_are_given_in_the_range_that_is_named(tmp_path, name):
    """Against NumPy, from what the ranges' names mean."""
    expected = {
        "0-1": IMAGES,
        "-1-1": IMAGES * 2 - 1,
        "0-255": IMAGES * 255,
        "imagenet": (IMAGES - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225],
        "caffe": IMAGES[..., ::-1] * 255 - [103.939, 116.779, 123.68],
    }[name]

    module = open_module(save(tmp_path, features), input_range=name)

    np.testing.assert_allclose(module(IMAGES), expected.mean((1, 2)) @ KERNEL, rtol=1e-4, atol=1e-3)
    assert module.input_range == name


def test_an_unknown_range_is_an_error_that_lists_them():
    with pytest.raises(ModelError, match=r"input range '0-2': expected one of 0-1, -1-1, 0-255"):
        NetworkSettings(input_range="0-2")


@pytest.mark.parametrize(
    ("kind", "signatures", "factor"),
    [
        pytest.param("features", ["default", "image_feature_vector"], 1, id="features"),
        pytest.param("logits", ["default", "image_classification"], 1, id="classes"),
    ],
)
def test_the_signature_for_what_is_wanted_wins(tmp_path, kind, signatures, factor):
    """A classifier in Hub's first format gives classes by default, and features besides."""
    import tensorflow as tf

    spec = [tf.TensorSpec(NHWC, name="images")]
    runs = {
        name: tf.function(
            lambda images, n=number: {"default": features(images) * (2.0 - n)},
            input_signature=spec,
        ).get_concrete_function()
        for number, name in enumerate(signatures)
    }
    tf.saved_model.save(tf.train.Checkpoint(), str(tmp_path), signatures=runs)

    module = open_module(tmp_path, kind=kind)

    np.testing.assert_allclose(module(IMAGES), EXPECTED * factor, rtol=1e-4)


@pytest.mark.parametrize(
    "outputs",
    [
        pytest.param(lambda x: {"wanted": features(x), "other": features(x) * 2}, id="dict"),
        pytest.param(lambda x: (features(x) * 2, features(x)), id="tuple"),
    ],
)
def test_of_several_outputs_one_is_taken_by_its_name(tmp_path, outputs):
    folder = save(tmp_path, outputs)
    name = "wanted" if isinstance(outputs(IMAGES), dict) else "output_1"

    np.testing.assert_allclose(open_module(folder, output=name)(IMAGES), EXPECTED, rtol=1e-4)
    with pytest.raises(ModelError, match="no output 'absent'"):
        open_module(folder, output="absent")


def _not_a_number(images):
    return features(images) * np.float32("nan")


def _the_same(images):
    return features(images) * 0 + 1


def _patches_of_64(images):
    import tensorflow as tf

    return tf.reshape(images, (-1, 64 * 64 * 3))[:, :5]


@pytest.mark.parametrize(
    ("function", "shape", "message"),
    [
        pytest.param(_not_a_number, NHWC, "not finite", id="not a number"),
        pytest.param(_the_same, NHWC, "the same outputs for every image", id="constant"),
        pytest.param(
            _patches_of_64, (None, None, None, 3), "can't take images of 4 × 4 pixels", id="64 only"
        ),
    ],
)
def test_outputs_of_no_use_are_an_error_in_one_line(tmp_path, function, shape, message):
    module = open_module(save(tmp_path, function, shape), "mine")

    with pytest.raises(ModelError, match=f"^mine: .*{message}") as caught:
        require(module, "features", size=SIDE)

    assert "\n" not in str(caught.value)


def test_of_several_graphs_the_one_without_tags_is_used(tmp_path):
    """As in Hub's first format, but without its file."""
    import tensorflow as tf

    v1 = tf.compat.v1
    builder = v1.saved_model.Builder(str(tmp_path / "v1"))
    with tf.Graph().as_default(), v1.Session() as session:
        images = v1.placeholder(tf.float32, NHWC)
        signature = v1.saved_model.predict_signature_def(
            {"images": images}, {"default": features(images)}
        )
        signatures = {"image_feature_vector": signature, "default": signature}
        builder.add_meta_graph_and_variables(session, [], signatures)
        builder.add_meta_graph(["train"], {"default": signature})
    builder.save()

    np.testing.assert_allclose(open_module(tmp_path / "v1")(IMAGES), EXPECTED, rtol=1e-4)
