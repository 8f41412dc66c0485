"""Resizing equals the libraries that define each filter, pixel by pixel."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from tl_core.errors import ImageError
from tl_core.graph_images import GRAPH_METHODS
from tl_core.images import load_image
from tl_core.photographs import portrait
from tl_core.resize import PILLOW_FILTERS, RESIZE_METHODS, checked_pixels, resize_batch

#: Made once by Pillow itself.
GOLDEN_PIXELS = [[89, 95, 159], [86, 123, 160], [94, 149, 149]]
GOLDEN_SHA256 = "4330429a70edff22"


@pytest.fixture
def batch():
    return np.random.default_rng(3).integers(0, 256, (4, 32, 24, 3), np.uint8)


@pytest.mark.parametrize("method", PILLOW_FILTERS)
@pytest.mark.parametrize("size", [(224, 224), (17, 40)], ids=["larger", "smaller and taller"])
def test_pillow_filters_equal_pillow(batch, method, size):
    resized = resize_batch(batch, size, method)
    for image, pixels in zip(batch, resized, strict=True):
        reference = Image.fromarray(image).resize(size[::-1], getattr(Image, method.upper()))
        np.testing.assert_array_equal(pixels, np.asarray(reference))


def test_the_default_is_pillows_lanczos_to_the_bit():
    """Pixels that Pillow 12 made once: another filter, rounding or channel order changes them."""
    image = (np.arange(32 * 32 * 3) * 37 % 256).astype(np.uint8).reshape(1, 32, 32, 3)
    resized = resize_batch(image, 224)
    np.testing.assert_array_equal(resized[0, 100, 100:103], GOLDEN_PIXELS)
    assert hashlib.sha256(resized.tobytes()).hexdigest()[:16] == GOLDEN_SHA256


def test_tf_methods_equal_tensorflow(batch):
    import tensorflow as tf

    reference = tf.image.resize(batch, (20, 48), method="bilinear", antialias=True)
    expected = np.rint(reference.numpy()).clip(0, 255)
    np.testing.assert_array_equal(resize_batch(batch, (20, 48), "tf-bilinear"), expected)


def levels_off(images, size, method):
    """Differences of a Pillow filter and its counterpart in the served graph, in grey levels."""
    ours = resize_batch(images, size, method).astype(int)
    theirs = resize_batch(images, size, f"tf-{GRAPH_METHODS[method]}").astype(int)
    return np.abs(ours - theirs)


@pytest.mark.parametrize(
    ("method", "most", "above_2"),
    [("bilinear", 1, 0.0), ("bicubic", 26, 0.012), ("lanczos", 48, 0.045)],
)
@pytest.mark.parametrize("size", [64, 224])
def test_tf_filters_are_as_near_to_pillows_as_is_said_on_noise(method, most, above_2, size):
    """Noise is the worst case: Pillow rounds twice, and keeps taps that TensorFlow drops."""
    noise = np.random.default_rng(3).integers(0, 256, (16, 32, 32, 3), np.uint8)
    off = levels_off(noise, size, method)
    assert 0 < off.max() <= most
    assert (off > 2).mean() <= above_2
    assert np.percentile(off, 95) <= 2


@pytest.mark.parametrize(
    ("method", "most", "above_2"),
    [("bilinear", 1, 0.0), ("bicubic", 5, 0.0005), ("lanczos", 9, 0.004)],
)
@pytest.mark.parametrize("size", [64, 224])
def test_tf_filters_are_as_near_to_pillows_as_is_said_on_photographs(
    patches, method, most, above_2, size
):
    for images in (patches.test.images.pixels, [load_image(portrait())]):
        off = levels_off(images, size, method)
        assert off.max() <= most
        assert (off > 2).mean() <= above_2
        assert np.percentile(off, 99) <= 1


def test_nearest_has_no_counterpart_in_the_served_graph(batch):
    """The two choose other pixels when shrinking, so that it must not be served."""
    assert "nearest" not in GRAPH_METHODS
    ours, theirs = (resize_batch(batch, 20, name).astype(int) for name in ("nearest", "tf-nearest"))
    assert np.abs(ours - theirs).max() > 100


def test_numpys_numbers_are_sizes(batch):
    expected = resize_batch(batch, (8, 9))
    np.testing.assert_array_equal(resize_batch(batch, (np.int64(8), np.int32(9))), expected)
    np.testing.assert_array_equal(resize_batch(batch, np.int64(8)), resize_batch(batch, 8))


@pytest.mark.parametrize("method", RESIZE_METHODS)
def test_every_method_keeps_a_flat_image_flat(method):
    flat = np.full((1, 32, 32, 3), 201, np.uint8)
    assert (resize_batch(flat, 48, method) == 201).all()


def test_images_of_several_sizes_make_one_batch(batch):
    mixed = [batch[0], batch[1, :10, :10]]
    resized = resize_batch(mixed, 16)
    np.testing.assert_array_equal(resized[0], resize_batch(batch[:1], 16)[0])
    assert resized.shape == (2, 16, 16, 3)


def test_the_input_is_left_alone(batch):
    before = batch.copy()
    resize_batch(batch, 32)[:] = 0
    np.testing.assert_array_equal(batch, before)


@given(
    hnp.arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3))),
    st.integers(1, 12),
)
def test_any_image_of_any_size_equals_pillow(image, size):
    reference = Image.fromarray(image).resize((size, size), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(resize_batch([image], size)[0], np.asarray(reference))


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (np.zeros((1, 4, 4, 3), np.float32), "float32: expected uint8"),
        (np.zeros((1, 3, 4, 4), np.uint8), r"shape \(3, 4, 4\): expected"),
        (np.zeros((1, 4, 4, 1), np.uint8), r"expected \(h, w, 3\) RGB"),
        (np.zeros((1, 0, 4, 3), np.uint8), "shape"),
    ],
    ids=["scaled floats", "channels first", "grey", "empty"],
)
def test_wrong_pixels_are_refused(images, message):
    with pytest.raises(ImageError, match=message):
        resize_batch(images, 8)


def test_a_single_image_is_no_batch():
    with pytest.raises(ImageError, match=r"expected \(n, h, w, 3\)"):
        checked_pixels(np.zeros((4, 4, 3), np.uint8), 4)


@pytest.mark.parametrize(
    ("size", "method", "message"),
    [
        (0, "lanczos", "at least 1 pixel"),
        (8, "antialias", "expected one of nearest"),
        (8, "lanczos3", "expected one of"),
        (8, "tf-lanczos", "expected one of"),
    ],
)
def test_wrong_options_are_refused(batch, size, method, message):
    with pytest.raises(ImageError, match=message):
        resize_batch(batch, size, method)
