"""The digits are scikit-learn's, stretched to 8 bits and split by class."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from tl_core.data import load_data


def as_rows(splits):
    """Images and labels as a sorted list, to compare sets of images."""
    return sorted(
        (image.tobytes(), int(label))
        for split in splits
        for image, label in zip(split.images.pixels, split.labels, strict=True)
    )


def test_train_and_test_together_are_scikit_learns_images_with_their_labels():
    data = load_data("digits")
    bunch = load_digits()
    grey = np.round(bunch.images * 255 / 16).astype(np.uint8)
    expected = sorted(
        (np.dstack([image] * 3).tobytes(), int(label))
        for image, label in zip(grey, bunch.target, strict=True)
    )
    assert as_rows([data.train, data.test]) == expected


def test_grey_covers_the_whole_range_on_all_three_channels():
    pixels = load_data("digits").train.images.pixels
    assert (pixels.min(), pixels.max()) == (0, 255)
    assert pixels.shape[1:] == (8, 8, 3)
    assert (pixels == pixels[..., :1]).all()


def test_a_fifth_of_each_digit_is_test():
    data = load_data("digits")
    total = np.bincount(load_digits().target)
    np.testing.assert_allclose(np.bincount(data.test.labels), total / 5, atol=0.5)


@pytest.mark.parametrize(("seed", "same"), [(0, True), (1, False)])
def test_the_split_is_fixed_by_its_seed(seed, same):
    assert (load_data("digits").fingerprint == load_data("digits", seed=seed).fingerprint) == same


def test_the_default_split_never_changes():
    assert load_data("digits").fingerprint == "5ded473aff23c273"
