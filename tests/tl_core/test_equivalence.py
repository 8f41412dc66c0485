"""Comparing outputs tells what moved, and real images are the same for everybody."""

import numpy as np
import pytest

from tl_core.equivalence import IMAGES, TOLERANCES, compare, real_images, verify
from tl_core.errors import ModelError

OUTPUTS = np.random.default_rng(0).normal(size=(50, 200)).astype(np.float32) + 1


def test_equal_outputs_agree_wholly():
    for kind in ("features", "logits"):
        nearness = compare(OUTPUTS, OUTPUTS.copy(), kind)
        assert nearness.cosine == pytest.approx(1, abs=1e-6)
        assert (nearness.agreement, nearness.images) == (1.0, 50)


def test_the_cosine_is_the_smallest_of_all_images():
    changed = OUTPUTS.copy()
    changed[7] = -changed[7]
    changed[9, 0] += 0.1
    assert compare(changed, OUTPUTS, "features").cosine == pytest.approx(-1, abs=1e-6)


def test_agreement_of_logits_is_that_of_their_largest():
    swapped = OUTPUTS.copy()
    for row in swapped[:5]:
        first, second = np.argsort(row)[-1], np.argsort(row)[0]
        row[[first, second]] = row[[second, first]]
    assert compare(swapped, OUTPUTS, "logits").agreement == pytest.approx(0.9)


def test_features_that_are_noisy_agree_less():
    rng = np.random.default_rng(1)
    agreements = [
        compare(
            (OUTPUTS + rng.normal(scale=scale, size=OUTPUTS.shape)).astype(np.float32),
            OUTPUTS,
            "features",
        ).agreement
        for scale in (0, 0.3, 3)
    ]
    assert agreements[0] > agreements[1] > agreements[2]


def test_nothing_agrees_with_numbers_that_are_none():
    broken = OUTPUTS.copy()
    broken[3, 3] = np.nan
    assert compare(broken, OUTPUTS, "features").agreement == 0
    assert compare(broken, OUTPUTS, "features").cosine == -1


@pytest.mark.parametrize("precision", TOLERANCES)
def test_wrong_outputs_are_refused_in_every_precision(precision):
    reference = np.random.default_rng(0).normal(size=(IMAGES, 30)).astype(np.float32)

    def check(outputs):
        return verify(
            lambda images: outputs[: len(images)],
            8,
            reference,
            "features",
            engine="x",
            precision=precision,
        )

    assert check(reference).agreement == 1
    with pytest.raises(ModelError, match=f"engine x {precision} differs from the reference"):
        check(reference[::-1])


def test_real_images_are_always_the_same_and_all_different():
    images = real_images(16)
    assert images.shape == (IMAGES, 16, 16, 3)
    np.testing.assert_array_equal(images, real_images(16))
    assert len(np.unique(images.reshape(IMAGES, -1), axis=0)) == IMAGES
    np.testing.assert_array_equal(real_images(16, 20, 5), images[20:25])
    assert images.std(axis=(1, 2, 3)).min() > 0
