"""Which pixel values a model takes: shown by itself or by photographs, asked for, or assumed."""

import logging

import numpy as np
import pytest

from tl_core.engines.finding import _say, find_model
from tl_core.errors import ModelError
from tl_core.images import load_image
from tl_core.models import NetworkSettings, open_module, range_evidence, resolve
from tl_core.models.export import save_module
from tl_core.models.input_range import RANGES
from tl_core.photographs import named_photographs
from tl_core.resize import resize_batch

#: From a model's own range back to [0, 1].
INVERSE = {
    "0-1": lambda x: x,
    "-1-1": lambda x: (x + 1) / 2,
    "0-255": lambda x: x / 255,
    "imagenet": lambda x: x * [0.229, 0.224, 0.225] + [0.485, 0.456, 0.406],
    "caffe": lambda x: ((x + np.array([103.939, 116.779, 123.68])) / 255)[..., ::-1],
}
SIDE = 32


@pytest.fixture(autouse=True)
def said(caplog):
    """What is logged, though another test may have had it said before."""
    _say.cache_clear()
    caplog.set_level(logging.INFO, "tl_core")
    return caplog


def levels(said):
    """Of what the library logged, not TensorFlow."""
    return [each.levelname for each in said.records if each.name.startswith("tl_core")]


def classifier(folder, takes, classes=1000, off=0):
    """A SavedModel that knows the photographs by heart, in its own range only; untrained else.

    An image's class is that of the photograph whose mean colours in 4 x 4 fields are nearest; its
    number is ``off`` by so much.
    """
    import tensorflow as tf

    known = named_photographs()
    pixels = resize_batch([load_image(path) for path in known], SIDE).astype(np.float32) / 255
    bright = np.concatenate([pixels * b for b in range_evidence.BRIGHTNESS])
    marks = bright.reshape(-1, 4, 8, 4, 8, 3).mean((2, 4)).reshape(len(bright), -1)
    labels = [indices[0] + classes - 1000 + off for indices in known.values()] * 2

    spec = tf.TensorSpec((None, SIDE, SIDE, 3), name="images")

    @tf.function(input_signature=[spec], autograph=False)
    def run(images):
        unit = tf.nn.avg_pool2d(images, 1, 1, "VALID")  # no arithmetic that would show the range
        unit = INVERSE[takes](tf.cast(unit, tf.float64))
        rows = tf.reshape(tf.nn.avg_pool2d(unit, 8, 8, "VALID"), (-1, 48))
        distances = tf.reduce_sum((rows[:, None] - marks[None]) ** 2, -1)
        own = tf.one_hot(labels, classes, dtype=tf.float64)
        return tf.cast(tf.nn.softmax(-20 * distances) @ own * 10, tf.float32)

    module = tf.train.Checkpoint()
    module.__call__ = run
    tf.saved_model.save(module, str(folder))
    return str(folder)


@pytest.mark.parametrize("takes", RANGES)
def test_a_classifiers_range_is_that_in_which_it_names_photographs(tmp_path, takes, said):
    handle = classifier(tmp_path / "model", takes)
    wrong = "0-255" if takes != "0-255" else "-1-1"

    found = find_model(handle, "logits", NetworkSettings())

    assert found.input_range == takes
    assert f"takes {RANGES[takes].description}" in said.text
    with pytest.raises(ModelError, match=f"input range {wrong}, but .* that it takes {takes} "):
        find_model(handle, "logits", NetworkSettings(input_range=wrong))


def test_features_take_what_the_classifier_beside_them_takes(tmp_path):
    import tensorflow as tf

    classifier(tmp_path / "mine-classification", "-1-1", classes=1001)
    features = tf.train.Checkpoint()
    features.__call__ = tf.function(
        lambda images: tf.reduce_mean(images, (1, 2)),
        input_signature=[tf.TensorSpec((None, SIDE, SIDE, 3))],
        autograph=False,
    )
    tf.saved_model.save(features, str(tmp_path / "mine-feature_vector"))
    handle = str(tmp_path / "mine-feature_vector")

    assert find_model(handle, "features", NetworkSettings()).input_range == "-1-1"
    with pytest.raises(ModelError, match="its names for known photographs show"):
        find_model(handle, "features", NetworkSettings(input_range="0-1"))


def save(folder, begin, dtype="float32"):
    """A SavedModel of features whose graph begins so."""
    import tensorflow as tf

    def run(images):
        convolved = tf.nn.conv2d(
            tf.cast(begin(images), tf.float32), np.ones((3, 3, 3, 5)), 1, "SAME"
        )
        return tf.reduce_mean(convolved, (1, 2))

    module = tf.train.Checkpoint()
    spec = tf.TensorSpec((None, 8, 8, 3), dtype, name="images")
    module.__call__ = tf.function(run, input_signature=[spec], autograph=False)
    tf.saved_model.save(module, str(folder))
    return str(folder)


MEAN, DEVIATION = np.float32([0.485, 0.456, 0.406]), np.float32([0.229, 0.224, 0.225])


@pytest.mark.parametrize(
    ("begin", "takes"),
    [
        pytest.param(lambda x: x * 2 - 1, "0-1", id="hub"),
        pytest.param(lambda x: (x * 255 - 127) / 128, "0-1", id="efficientnet-lite"),
        pytest.param(lambda x: x / 255, "0-255", id="keras rescaling"),
        pytest.param(lambda x: x / 127.5 - 1, "0-255", id="keras rescaling to [-1, 1]"),
        pytest.param(lambda x: (x + 1) / 2, "-1-1", id="from [-1, 1]"),
        pytest.param(lambda x: (x - MEAN) / DEVIATION, "0-1", id="imagenet of [0, 1]"),
        pytest.param(lambda x: x / 255 / DEVIATION - MEAN / DEVIATION, "0-255", id="imagenet"),
        pytest.param(lambda x: ((x + 1) / 2 - MEAN) / DEVIATION, "-1-1", id="imagenet of [-1, 1]"),
        pytest.param(lambda x: x - MEAN * 255, "0-255", id="mean only"),
        pytest.param(lambda x: x * 255 - MEAN * 255, "0-1", id="mean only of [0, 1]"),
    ],
)
def test_scaling_at_the_beginning_of_a_graph_shows_the_range(tmp_path, begin, takes):
    handle, wrong = save(tmp_path, begin), "imagenet"

    assert find_model(handle, "features", NetworkSettings()).input_range == takes
    with pytest.raises(ModelError, match=f"first operations show that it takes {takes}"):
        find_model(handle, "features", NetworkSettings(input_range=wrong))


def test_bytes_are_taken_from_0_to_255(tmp_path):
    handle = save(tmp_path, lambda x: x, "uint8")

    assert find_model(handle, "features", NetworkSettings()).input_range == "0-255"
    with pytest.raises(ModelError, match="takes 0-255"):
        find_model(handle, "features", NetworkSettings(input_range="0-1"))


@pytest.mark.parametrize(
    "begin", [lambda x: x, lambda x: x * 1.1, lambda x: x * x], ids=["nothing", "odd", "squared"]
)
def test_what_shows_nothing_is_assumed_aloud_or_as_given(tmp_path, begin, said):
    handle = save(tmp_path, begin)

    assert (
        find_model(handle, "features", NetworkSettings(input_range="caffe")).input_range == "caffe"
    )
    assert levels(said) == []
    assert find_model(handle, "features", NetworkSettings()).input_range == "0-1"
    assert levels(said) == ["WARNING"]
    assert "assumed to take RGB from 0 to 1" in said.text


def test_a_classifier_that_names_nothing_needs_its_range(tmp_path):
    handle = classifier(tmp_path / "model", "-1-1", off=100)

    with pytest.raises(ModelError, match=r"in none of the input ranges 0-1, .*set the input range"):
        find_model(handle, "logits", NetworkSettings())
    settings = NetworkSettings(input_range="-1-1")
    assert find_model(handle, "logits", settings).input_range == "-1-1"
    other_classes = NetworkSettings(classes=1000)
    assert find_model(handle, "logits", other_classes).input_range == "0-1"


def test_exports_of_this_library_say_what_they_take(tiny_model, said):
    assert find_model(tiny_model, "features", NetworkSettings()).input_range == "0-1"
    assert levels(said) == []
    with pytest.raises(ModelError, match="its notes show"):
        find_model(tiny_model, "features", NetworkSettings(input_range="0-255"))


def test_the_digest_tells_ranges_and_outputs_apart(tmp_path):
    handle = save(tmp_path, lambda x: x)
    digests = {
        find_model(handle, "features", NetworkSettings(input_range=name)).digest
        for name in (None, "0-1", "-1-1", "caffe")
    }
    assert len(digests) == 3  # [0, 1] is the same, whether given or assumed


def test_each_photograph_has_names_of_its_own():
    """Else a model that gives one name to everything could be right."""
    names = [set(indices) for indices in named_photographs().values()]
    assert all(names)
    assert sum(map(len, names)) == len(set().union(*names))


@pytest.mark.parametrize(
    "takes",
    [
        pytest.param(each, marks=pytest.mark.long if number else pytest.mark.slow)
        for number, each in enumerate(RANGES)
    ],
)
def test_the_embedded_classifier_shows_each_range(tmp_path, takes):
    """A real network behind the inverse of each range, whose inverse its graph doesn't show."""
    import tensorflow as tf

    real = open_module(resolve("efficientnet-lite0", "logits"))

    def forward(images, training):
        return real(tf.cast(INVERSE[takes](tf.nn.avg_pool2d(images, 1, 1, "VALID")), tf.float32))

    save_module(
        tmp_path,
        forward,
        real.variables,
        image_shape=(224, 224, 3),
        image_size=224,
        training=False,
        notes={"input_range": None},
    )
    assert find_model(str(tmp_path), "logits", NetworkSettings()).input_range == takes
