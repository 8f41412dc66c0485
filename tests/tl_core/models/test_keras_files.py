"""Models that Keras 3 and Keras 2 saved, by either's own call."""

import importlib
import json
import zipfile

import numpy as np
import pytest

from tl_core.engines.finding import find_model
from tl_core.errors import ModelError
from tl_core.models import NetworkSettings, open_module, resolve
from tl_core.models.handles import classifier_handle, public_name
from tl_core.models.keras_layers import _range_by_name, part_of

IMAGES = np.random.default_rng(2).random((3, 16, 16, 3), dtype=np.float32)
LIBRARIES = ("keras", "tf_keras")
pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*HDF5"),  # which both call legacy
    pytest.mark.usefixtures("keras_here"),
]


def network(library, name="mine", units=7, activation="softmax"):
    """A convolution, batch norm, global pooling, dropout, and classes."""
    keras = importlib.import_module(library)
    layers = keras.layers
    keras.utils.set_random_seed(3)
    images = keras.Input((16, 16, 3))
    x = layers.Conv2D(6, 3, strides=2, activation="relu", name="map")(images)
    x = layers.BatchNormalization()(x)
    x = layers.GlobalAveragePooling2D(name="pooled")(x)
    x = layers.Dropout(0.5)(x)
    x = layers.Dense(8, activation="relu", name="hidden")(x)
    x = layers.Dense(units, activation=activation, name="classes")(x)
    return keras.Model(images, x, name=name)


@pytest.fixture(scope="module", params=[("keras", ".keras"), ("keras", ".h5"), ("tf_keras", ".h5")])
def saved(request, tmp_path_factory):
    """A model, the file that its own library wrote, and that library."""
    library, suffix = request.param
    model = network(library)
    file = tmp_path_factory.mktemp("keras") / f"My Model{suffix}"
    model.save(file)
    return model, str(file), importlib.import_module(library)


def test_features_are_what_the_pooling_layer_gives(saved):
    model, handle, keras = saved
    expected = keras.Model(model.inputs[0], model.get_layer("pooled").output)(IMAGES)

    module = open_module(resolve(handle, "features"))

    np.testing.assert_allclose(module(IMAGES), expected, rtol=1e-4, atol=1e-5)
    assert (module.output_size, module.image_size, module.kind) == (6, 16, "features")
    assert len(module.variables) >= 6  # convolution and batch norm, no more than they have
    assert sum(v.shape.num_elements() for v in module.trainable_variables) == 6 * 28 + 12


def test_classes_are_the_models_own_output(saved):
    model, handle, _ = saved
    module = open_module(resolve(handle, "logits"))
    np.testing.assert_allclose(module(IMAGES), model(IMAGES), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("layer", "width"), [("hidden", 8), ("map", 6)])
def test_a_layer_is_taken_by_its_name(saved, layer, width):
    model, handle, keras = saved
    expected = np.asarray(keras.Model(model.inputs[0], model.get_layer(layer).output)(IMAGES))
    expected = expected.mean((1, 2)) if expected.ndim == 4 else expected

    module = open_module(resolve(handle, "features", layer))

    assert module.output_size == width
    np.testing.assert_allclose(module(IMAGES), expected, rtol=1e-4, atol=1e-5)


def test_a_layer_that_is_absent_is_an_error_with_close_ones(saved):
    with pytest.raises(ModelError, match="no layer 'pool'; did you mean pooled"):
        resolve(saved[1], "features", "pool")


def test_training_moves_the_averages_of_batch_norm(saved):
    module = open_module(resolve(saved[1], "features"))
    before = [v.numpy() for v in module.variables]
    module(IMAGES, training=True)
    moved = [(v.numpy() != b).any() for v, b in zip(module.variables, before, strict=True)]
    assert 2 <= sum(moved) <= 3  # mean and variance, and Keras 3's state of the dropout's seed


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize(
    ("build", "expected"),
    [
        pytest.param(
            lambda k: [k.layers.Flatten(), k.layers.Dense(9), k.layers.Dense(4, "softmax")],
            9, id="before the last product",
        ),
        pytest.param(
            lambda k: [k.layers.Flatten(), *map(k.layers.Dense, (9, 4)), k.layers.Softmax()],
            9, id="softmax by itself",
        ),
        pytest.param(lambda k: [k.layers.Flatten(), k.layers.Dense(9)], 9, id="no classes"),
        pytest.param(lambda k: [k.layers.Conv2D(5, 3)], 5, id="a map"),
        pytest.param(
            lambda k: [k.layers.GlobalMaxPooling2D(keepdims=True), k.layers.Conv2D(4, 1)],
            3, id="pooled, of one place",
        ),
    ],
)  # fmt: skip
def test_sequential_models_are_cut_where_classes_begin(library, build, expected):
    keras = importlib.import_module(library)
    model = keras.Sequential([keras.layers.InputLayer((8, 8, 3)), *build(keras)])

    part = part_of(model, "mine", "features", None)

    assert part.outputs[0].shape[-1] == expected
    assert part.inputs[0].shape[1:] == (8, 8, 3)


@pytest.mark.parametrize(
    ("name", "likely"),
    [
        ("mobilenetv2_1.00_16", "-1-1"), ("resnet50", "caffe"), ("resnet50v2", "-1-1"),
        ("densenet121", "imagenet"), ("efficientnetb0", None), ("model_1", None),
    ],
)  # fmt: skip
@pytest.mark.parametrize("nested", [False, True])
def test_the_name_of_one_of_kerass_networks_says_what_it_takes(name, likely, nested):
    import keras

    model = network("keras", name)
    if nested:
        images = keras.Input((16, 16, 3))
        model = keras.Model(images, keras.layers.Dense(3, "softmax")(model(images)))

    assert _range_by_name(model) == likely


def test_what_the_name_says_is_taken_unless_another_is_given(tmp_path):
    network("keras", "resnet50").save(tmp_path / "model.keras")
    handle = str(tmp_path / "model.keras")

    assert find_model(handle, "features", NetworkSettings()).input_range == "caffe"
    settings = NetworkSettings(input_range="0-255")
    assert find_model(handle, "features", settings).input_range == "0-255"


def _lambda(keras):
    return [keras.layers.Lambda(lambda x: x * 2), keras.layers.GlobalAveragePooling2D()]


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("suffix", [".keras", ".h5"])
def test_a_program_in_a_file_is_not_run(tmp_path, library, suffix):
    keras = importlib.import_module(library)
    model = keras.Sequential([keras.layers.InputLayer((8, 8, 3)), *_lambda(keras)])
    file = tmp_path / f"model{suffix}"
    model.save(file)
    with pytest.raises(ModelError, match=r"has a Lambda layer, .*model\.export"):
        resolve(str(file), "features")


def _cut_off(path):
    path.write_bytes(path.read_bytes()[:1000])


def _weights_only(path):
    network("keras").save_weights(path.with_name("mine.weights.h5"))
    path.with_name("mine.weights.h5").replace(path)


def _unknown_layer(path):
    with zipfile.ZipFile(path) as file:
        parts = {name: file.read(name) for name in file.namelist()}
    config = json.loads(parts["config.json"])
    config["config"]["layers"][1]["class_name"] = "MyLayer"
    config["config"]["layers"][1]["module"] = "mine"
    parts["config.json"] = json.dumps(config).encode()
    with zipfile.ZipFile(path, "w") as file:
        for name, content in parts.items():
            file.writestr(name, content)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        pytest.param(_cut_off, "no whole Keras model", id="cut off"),
        pytest.param(_weights_only, "holds weights only", id="weights only"),
        pytest.param(_unknown_layer, r"has a MyLayer layer.*model\.export", id="code"),
    ],
)
def test_a_file_that_can_t_be_loaded_is_an_error_in_one_line(tmp_path, damage, message):
    file = tmp_path / "model.keras"
    network("keras").save(file)
    damage(file)
    with pytest.raises(ModelError, match=message) as caught:
        resolve(str(file), "features")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("outputs", "kind", "message"),
    [
        pytest.param(2, "logits", "returns 2 outputs; expected one. Set layer to one of", id="two"),
        pytest.param(
            None, "features", r"takes \[\(None, 5\)\]; expected one input", id="no images"
        ),
    ],
)
def test_a_model_of_another_form_is_an_error(tmp_path, outputs, kind, message):
    import keras

    images = keras.Input((8, 8, 3) if outputs else (5,))
    rows = keras.layers.GlobalAveragePooling2D()(images) if outputs else images
    model = keras.Model(images, [keras.layers.Dense(n + 2)(rows) for n in range(outputs or 1)])
    model.save(tmp_path / "model.keras")
    with pytest.raises(ModelError, match=message):
        resolve(str(tmp_path / "model.keras"), kind)


def test_a_file_is_its_own_classifier_and_shown_by_its_name(tmp_path):
    assert classifier_handle("some/where/mine.keras") == "some/where/mine.keras"
    assert public_name("some/where/mine.keras") == "mine.keras"
