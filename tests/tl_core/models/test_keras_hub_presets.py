"""Presets of Keras Hub, made here: a folder is what a name is downloaded as."""

import numpy as np
import pytest

from tl_core.errors import ModelError
from tl_core.models import keras_hub_presets, open_module, resolve
from tl_core.models.handles import classifier_handle, public_name
from tl_core.models.notes import noted_range

IMAGES = np.random.default_rng(2).random((3, 32, 32, 3), dtype=np.float32)
#: Deviation and mean, as presets have them: of bytes, by colour.
SCALE, OFFSET = [0.017, 0.018, 0.0174], [-2.1, -2.0, -1.8]
pytestmark = [
    # Of Keras with NumPy 2, and of what Keras Hub imports.
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*pkg_resources:UserWarning"),
    pytest.mark.usefixtures("keras_here"),
]


@pytest.fixture(scope="module")
def hub():
    return pytest.importorskip("keras_hub", reason="the extra keras-hub isn't installed")


@pytest.fixture(scope="module")
def task(hub):
    """An untrained network of a few weights with classes, and its own preprocessing."""
    backbone = hub.models.ResNetBackbone(
        input_conv_filters=[64], input_conv_kernel_sizes=[3], stackwise_num_filters=[64],
        stackwise_num_blocks=[1], stackwise_num_strides=[1], block_type="basic_block",
        image_shape=(None, None, 3),
    )  # fmt: skip
    converter = hub.layers.ResNetImageConverter(image_size=(32, 32), scale=SCALE, offset=OFFSET)
    preprocessor = hub.models.ResNetImageClassifierPreprocessor(image_converter=converter)
    return hub.models.ResNetImageClassifier(backbone, num_classes=7, preprocessor=preprocessor)


@pytest.fixture(scope="module")
def preset(task, tmp_path_factory):
    folder = tmp_path_factory.mktemp("presets") / "tiny"
    task.save_to_preset(str(folder))
    return f"keras_hub:{folder}"


def test_classes_are_those_that_keras_hub_gives_to_bytes(preset, task):
    pixels = np.round(IMAGES * 255)
    expected = task(task.preprocessor(pixels))

    module = open_module(resolve(preset, "logits"))

    np.testing.assert_allclose(module(np.float32(pixels / 255)), expected, rtol=1e-3, atol=1e-4)
    assert (module.output_size, module.image_size) == (7, 32)
    assert noted_range(module.path) == "0-1"


def test_features_are_what_the_head_is_given(preset, task):
    import keras

    pixels = np.round(IMAGES * 255)
    pooled = keras.Model(task.inputs[0], task.get_layer("pooler").output)
    expected = pooled(task.preprocessor(pixels))

    module = open_module(resolve(preset, "features"))

    np.testing.assert_allclose(module(np.float32(pixels / 255)), expected, rtol=1e-3, atol=1e-4)
    assert module.output_size == 64


def test_a_layer_is_taken_by_its_name(preset):
    assert open_module(resolve(preset, "features", "pooler")).output_size == 64
    with pytest.raises(ModelError, match="no layer 'poler'; did you mean pooler"):
        resolve(preset, "features", "poler")


def test_a_backbone_without_classes_has_features_only(task, tmp_path):
    task.backbone.save_to_preset(str(tmp_path / "backbone"))
    task.preprocessor.save_to_preset(str(tmp_path / "backbone"))
    handle = f"keras_hub:{tmp_path / 'backbone'}"

    assert open_module(resolve(handle, "features")).output_size == 64
    with pytest.raises(ModelError, match="no image classifier that can be loaded"):
        resolve(handle, "logits")


def test_a_name_that_is_none_is_an_error_in_one_line(hub, tmp_path):
    with pytest.raises(ModelError, match=r"^keras_hub:.*absent: no image classifier") as caught:
        resolve(f"keras_hub:{tmp_path / 'absent'}", "features")
    assert "\n" not in str(caught.value)


def test_without_the_package_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(keras_hub_presets, "PACKAGE", "no-such-package")
    with pytest.raises(ModelError, match=r"isn't installed; install the \[keras-hub\] extra"):
        resolve("keras_hub:resnet_18_imagenet", "features")


def test_a_preset_is_its_own_classifier_and_its_folder_is_private(tmp_path):
    (tmp_path / "tiny").mkdir()
    assert public_name(f"keras_hub:{tmp_path / 'tiny'}") == "keras_hub:tiny"
    assert public_name("keras_hub:resnet_18_imagenet") == "keras_hub:resnet_18_imagenet"
    assert classifier_handle("keras_hub:x") == "keras_hub:x"
