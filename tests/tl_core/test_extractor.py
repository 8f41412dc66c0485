"""Features are the module's own on Pillow's pixels in [0, 1], RGB, whatever the batch."""

import numpy as np
import pytest
from PIL import Image

from tl_core.engines import engine_names
from tl_core.errors import ImageError, ModelError
from tl_core.extractor import FeatureExtractor
from tl_core.models import open_module, resolve
from tl_core.sources import ArraySource


def reference_features(images, size, *, scale=255.0, channels=(0, 1, 2), resample=Image.LANCZOS):
    """An eager call of the module on pixels that Pillow and NumPy prepared."""
    module = open_module(resolve("efficientnet-lite0", "features"))
    resized = [np.asarray(Image.fromarray(i).resize((size, size), resample)) for i in images]
    unit = np.stack(resized)[..., list(channels)].astype(np.float32) / np.float32(scale)
    return np.asarray(module(unit, training=False))


def cosines(a, b):
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


@pytest.fixture(scope="module")
def images(patches):
    return patches.train.images.pixels[:20]


@pytest.fixture(scope="module")
def embedded():
    return FeatureExtractor(image_size=96)


@pytest.fixture(scope="module")
def embedded_features(embedded, images):
    return embedded.extract(images)


@pytest.fixture(scope="module")
def features(extractor, images):
    return extractor.extract(images)


def test_features_equal_a_reference_call(embedded_features, images):
    reference = reference_features(images, 96)
    np.testing.assert_allclose(embedded_features, reference, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(
    "mistake",
    [
        {"scale": 1.0},
        {"scale": 127.5},
        {"channels": (2, 1, 0)},
        {"resample": Image.NEAREST},
        {"resample": Image.BICUBIC},
    ],
    ids=["0 to 255", "0 to 2", "BGR", "nearest", "bicubic"],
)
def test_silent_mistakes_give_other_features(embedded_features, images, mistake):
    """The comparison above would notice each of these."""
    wrong = reference_features(images, 96, **mistake)
    assert not np.allclose(embedded_features, wrong, rtol=1e-3, atol=1e-4)
    assert cosines(embedded_features, wrong).min() < 0.9999


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_the_batch_size_does_not_change_features(extractor, images, features, batch_size):
    again = extractor.extract(images, batch_size=batch_size)
    np.testing.assert_allclose(again, features, rtol=1e-3, atol=1e-4)


def test_two_runs_are_equal_to_the_bit(extractor, images, features):
    np.testing.assert_array_equal(extractor.extract(images), features)


def test_files_give_what_their_pixels_give(extractor, images, features, tmp_path):
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path, image in zip(paths, images, strict=False):
        Image.fromarray(image).save(path)
    np.testing.assert_allclose(extractor.extract(paths), features[:3], rtol=1e-3, atol=1e-4)


def test_shapes_are_those_of_the_model(embedded, embedded_features):
    assert (embedded.image_size, embedded.feature_size) == (96, 1280)
    assert embedded_features.shape == (20, 1280)
    assert embedded_features.dtype == np.float32


def test_the_models_own_size_is_the_default(extractor):
    assert extractor.image_size == 32


def test_the_embedded_models_own_size_is_224():
    assert FeatureExtractor().image_size == 224


@pytest.mark.parametrize("size", [0, -5, np.int64(0)])
def test_an_image_size_below_one_is_refused(size):
    with pytest.raises(ModelError, match=r"image size -?\d: expected at least 1 pixel"):
        FeatureExtractor(image_size=size)


def test_numpys_numbers_are_image_sizes(tiny_model, images):
    numpys = FeatureExtractor(tiny_model, image_size=np.int64(40))
    assert type(numpys.image_size) is int
    expected = FeatureExtractor(tiny_model, image_size=40).extract(images[:2])
    np.testing.assert_array_equal(numpys.extract(images[:2]), expected)


def test_a_classifier_is_no_extractor(tiny_classifier):
    with pytest.raises(ModelError, match=r"classifier.*1000 outputs.*expected a feature extractor"):
        FeatureExtractor(tiny_classifier)


def test_a_network_refuses_images_of_another_size(extractor):
    with pytest.raises(ModelError, match="opened for 32"):
        extractor.network(np.zeros((1, 31, 32, 3), np.uint8))


def test_scaled_pixels_are_refused(extractor):
    with pytest.raises(ImageError, match="float64: expected uint8"):
        extractor.extract(np.zeros((1, 8, 8, 3)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engine": "torch"}, "engine torch: expected one of.*tensorflow"),
        ({"engine": "torch", "cache": True}, "engine torch: expected one of.*tensorflow"),
        ({"resize": "sharp"}, "resize method 'sharp'"),
    ],
)
def test_unknown_options_are_refused(options, message):
    with pytest.raises(ModelError, match=message):
        FeatureExtractor(**options)


def test_the_reference_engine_is_there():
    assert "tensorflow" in engine_names()
    assert "protocol" not in engine_names()


def test_an_empty_source_has_no_features(extractor, images):
    assert extractor.extract(ArraySource(images).head(0)).shape == (0, 2048)
