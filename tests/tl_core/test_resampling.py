"""Compiled resampling gives Pillow's pixels to the bit: any sizes, up and down, every filter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tl_core import resampling
from tl_core.resampling import FILTERS, resample, taps
from tl_core.resampling_kernel import FRACTION_BITS

SIDES = st.integers(1, 70)


def pillow(image, height, width, name):
    resized = Image.fromarray(image).resize(
        (width, height), getattr(Image.Resampling, name.upper())
    )
    return np.asarray(resized)


def extremes(rng, shape):
    """Pixels that are black or white drive sums farthest beyond 0 and 255."""
    return rng.choice(np.array([0, 255], np.uint8), shape)


@given(
    name=st.sampled_from(sorted(FILTERS)),
    shape=st.tuples(SIDES, SIDES),
    size=st.tuples(SIDES, SIDES),
    seed=st.integers(0, 2**32 - 1),
    extreme=st.booleans(),
)
@settings(max_examples=400)
def test_pixels_are_pillows(name, shape, size, seed, extreme):
    rng = np.random.default_rng(seed)
    image = extremes(rng, (*shape, 3)) if extreme else rng.integers(0, 256, (*shape, 3), np.uint8)
    np.testing.assert_array_equal(resample([image], *size, name)[0], pillow(image, *size, name))


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((32, 32), (224, 224)),
        ((600, 512), (224, 224)),
        ((1200, 40), (50, 44)),
        ((40, 1200), (44, 50)),
        ((7, 9), (7, 30)),
        ((7, 9), (30, 9)),
        ((7, 9), (7, 9)),
    ],
    ids=["CIFAR-10's", "a photograph's", "tall", "wide", "rows only", "columns only", "neither"],
)
def test_sizes_that_matter(name, shape, size):
    image = extremes(np.random.default_rng(5), (*shape, 3))
    np.testing.assert_array_equal(resample([image], *size, name)[0], pillow(image, *size, name))


def test_a_view_with_gaps_is_resized_as_its_copy_is():
    pixels = np.random.default_rng(1).integers(0, 256, (40, 40, 3), np.uint8)
    for view in (pixels[::2, ::3], pixels[:, :, ::-1], pixels.transpose(1, 0, 2)):
        expected = resample([view.copy()], 50, 60, "lanczos")
        np.testing.assert_array_equal(resample([view], 50, 60, "lanczos"), expected)


def test_the_image_itself_stays_as_it_is():
    image = np.random.default_rng(1).integers(0, 256, (9, 9, 3), np.uint8)
    before = image.copy()
    resample([image], 9, 20, "bicubic")[:] = 0
    resample([image], 9, 9, "bicubic")[:] = 0
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize(("inputs", "outputs"), [(32, 224), (224, 32), (1, 5), (5, 1), (37, 41)])
def test_weights_add_up_to_one_within_their_rounding(name, inputs, outputs):
    found = taps(inputs, outputs, name)
    assert np.abs(found.weights.sum(axis=1) - (1 << FRACTION_BITS)).max() <= found.count.max() / 2
    assert (found.first >= 0).all()
    assert (found.first + found.count <= inputs).all()


@pytest.mark.parametrize("factor", [3, 5, 7])
def test_a_tap_in_the_very_middle_weighs_what_pillows_does(factor):
    """Shrinking by an odd number puts pixel centres on each other; half weights round there."""
    for seed in range(20):
        image = np.random.default_rng(seed).integers(0, 256, (8 * factor, 8 * factor, 3), np.uint8)
        expected = pillow(image, 8, 8, "hamming")
        np.testing.assert_array_equal(resample([image], 8, 8, "hamming")[0], expected)


def test_sums_fit_into_32_bits():
    """The largest weights, all of one sign, times white, and the half that rounds."""
    for name in FILTERS:
        for sizes in ((32, 224), (224, 32), (3, 7), (500, 3)):
            weights = taps(*sizes, name).weights.astype(np.int64)
            largest = 255 * np.maximum(weights, 0).sum(axis=1).max() + (1 << FRACTION_BITS - 1)
            assert largest < 2**31


@pytest.mark.parametrize(("version", "height_first"), [(12, False), (13, True)])
def test_the_order_of_the_passes_is_the_installed_pillows(monkeypatch, version, height_first):
    monkeypatch.setattr(resampling, "PILLOW", version)
    image = np.random.default_rng(2).integers(0, 256, (60, 20, 3), np.uint8)
    across_first = resample(resample([image], 60, 18, "lanczos"), 20, 18, "lanczos")
    down_first = resample(resample([image], 20, 20, "lanczos"), 20, 18, "lanczos")
    assert not np.array_equal(across_first, down_first)
    expected = down_first if height_first else across_first
    np.testing.assert_array_equal(resample([image], 20, 18, "lanczos"), expected)
