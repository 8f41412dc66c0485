"""Resampling inside a graph gives Pillow's pixels to the bit: any sizes, up and down."""

import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tl_core import resampling
from tl_core.data import load_data
from tl_core.graph_resampling import graph_resample, weight_matrix
from tl_core.resampling import FILTERS
from tl_core.resampling_kernel import FRACTION_BITS
from tl_core.resize import DEFAULT_METHOD

SIDES = st.integers(1, 70)
SHARED = Path(__file__).parents[3] / "shared" / "data" / "cifar-10-batches-bin.tar.xz"


def pillow(images, height, width, name):
    by = getattr(Image.Resampling, name.upper())
    resized = [Image.fromarray(image).resize((width, height), by) for image in images]
    return np.stack([np.asarray(image) for image in resized])


def extremes(rng, shape):
    """Pixels that are black or white drive sums farthest beyond 0 and 255."""
    return rng.choice(np.array([0, 255], np.uint8), shape)


def graph(shape, size, name, **options):
    """For any number of images of one shape, as the network's own graph has it."""
    import tensorflow as tf

    spec = tf.TensorSpec((None, *shape, 3), tf.uint8)
    resize = tf.function(
        lambda images: graph_resample(images, *size, name), input_signature=[spec], **options
    )
    return lambda images: resize(images).numpy()


@given(
    name=st.sampled_from(sorted(FILTERS)),
    shape=st.tuples(SIDES, SIDES),
    size=st.tuples(SIDES, SIDES),
    seed=st.integers(0, 2**32 - 1),
    extreme=st.booleans(),
)
@settings(max_examples=300)
def test_pixels_are_pillows(name, shape, size, seed, extreme):
    rng, shape = np.random.default_rng(seed), (2, *shape, 3)
    images = extremes(rng, shape) if extreme else rng.integers(0, 256, shape, np.uint8)
    resized = graph_resample(images, *size, name).numpy()
    assert resized.dtype == np.uint8
    np.testing.assert_array_equal(resized, pillow(images, *size, name))


@pytest.mark.parametrize("compiled", [None, True], ids=["graph", "XLA"])
@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((32, 32), (224, 224)),
        ((32, 32), (96, 96)),
        ((60, 20), (20, 18)),
        ((7, 9), (7, 30)),
        ((7, 9), (30, 9)),
        ((7, 9), (7, 9)),
    ],
    ids=["to 224", "to 96", "height first", "rows only", "columns only", "neither"],
)
def test_one_graph_takes_any_number_of_images(compiled, name, shape, size):
    resize = graph(shape, size, name, jit_compile=compiled)
    rng = np.random.default_rng(5)
    for count in (1, 5):
        images = extremes(rng, (count, *shape, 3))
        np.testing.assert_array_equal(resize(images), pillow(images, *size, name))


def test_no_images_stay_none():
    assert graph((8, 8), (20, 30), "lanczos")(np.empty((0, 8, 8, 3), np.uint8)).shape == (
        *(0, 20, 30, 3),
    )


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("sizes", [(32, 224), (224, 32), (3, 7), (500, 3)])
def test_products_and_their_sums_are_exact_in_double_precision(name, sizes):
    """Whole numbers as long as the weights are scaled up, and far below 2^53."""
    weights = weight_matrix(*sizes, name) * 2**FRACTION_BITS
    np.testing.assert_array_equal(weights, np.rint(weights))
    assert 255 * np.abs(weights).sum(axis=0).max() < 2**31


@pytest.mark.parametrize(("version", "height_first"), [(12, False), (13, True)])
def test_the_order_of_the_passes_is_the_installed_pillows(monkeypatch, version, height_first):
    monkeypatch.setattr(resampling, "PILLOW", version)
    images = np.random.default_rng(2).integers(0, 256, (3, 60, 20, 3), np.uint8)
    across_first = graph_resample(graph_resample(images, 60, 18, "lanczos"), 20, 18, "lanczos")
    down_first = graph_resample(graph_resample(images, 20, 20, "lanczos"), 20, 18, "lanczos")
    assert not np.array_equal(across_first, down_first)
    expected = down_first if height_first else across_first
    np.testing.assert_array_equal(graph_resample(images, 20, 18, "lanczos"), expected)


@pytest.mark.shared_data
@pytest.mark.skipif(not SHARED.exists(), reason="the real CIFAR-10 files are not there")
@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize(
    "part",
    [pytest.param(True, marks=pytest.mark.slow), pytest.param(False, marks=pytest.mark.long)],
    ids=["part", "all"],
)
def test_test_images_of_cifar10_are_pillows(name, part, cifar10):
    """All of them; or half of them by the usual filter, every sixteenth by the others."""
    step = (2 if name == DEFAULT_METHOD else 16) if part else 1
    chosen = cifar10[::step]
    for size in (224, 96):
        resize = graph((32, 32), (size, size), name)
        for first in range(0, len(chosen), 500):
            images = chosen[first : first + 500]
            np.testing.assert_array_equal(resize(images), pillow(images, size, size, name))


@pytest.fixture(scope="module")
def cifar10(tmp_path_factory):
    """The pixels of all test images."""
    home = tmp_path_factory.mktemp("data")
    with tarfile.open(SHARED) as archive, pytest.MonkeyPatch.context() as patch:
        archive.extractall(home)
        patch.setenv("TLBENCH_DATA", str(home))
        pixels = load_data("cifar10").test.images.pixels
    assert len(pixels) == 10_000
    return pixels
