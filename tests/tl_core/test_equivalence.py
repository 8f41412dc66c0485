"""Comparing outputs tells what moved, and real images are the same for everybody."""

from pathlib import Path

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


#: What the guide of the engines promises: the cosine of each image, and images of another class.
PROMISED = [("fp32", 0.9999, 1), ("bf16", 0.95, 9), ("fp16", 0.95, 9), ("int8", 0.6, 24)]


def rotated(reference, cosine):
    """One output turned until its cosine with the reference's is this; the others as they are."""
    outputs, first = reference.astype(float), reference[0].astype(float)
    across = np.random.default_rng(1).normal(size=len(first))
    across -= first * (across @ first) / (first @ first)
    length = np.linalg.norm(first)
    across *= length / np.linalg.norm(across)
    outputs[0] = cosine * first + (1 - cosine**2) ** 0.5 * across
    return outputs.astype(np.float32)


def swapped(reference, count):
    """The same outputs, but for so many images whose two largest changed places."""
    outputs = reference.copy()
    for row in outputs[:count]:
        first, second = np.argsort(row)[[-1, -2]]
        row[[first, second]] = row[[second, first]]
    return outputs


def is_admitted(outputs, reference, precision):
    try:
        verify(lambda _: outputs, 8, reference, "logits", engine="x", precision=precision)
    except ModelError:
        return False
    return True


@pytest.mark.parametrize(("precision", "cosine", "_"), PROMISED)
@pytest.mark.parametrize("share", [0.5, 0.98, 1.02])
def test_one_image_further_from_the_reference_than_promised_is_enough(precision, cosine, _, share):
    """``share`` of the promised distance between the directions; one image of sixty is turned."""
    # The largest output stays so far ahead that the class can't change.
    reference = np.random.default_rng(0).normal(size=(IMAGES, 4000)).astype(np.float32)
    reference[:, 7] = 200
    outputs = rotated(reference, 1 - share * (1 - cosine))
    assert (outputs.argmax(axis=1) == 7).all()
    assert is_admitted(outputs, reference, precision) == (share < 1)


@pytest.mark.parametrize(("precision", "_", "images"), PROMISED)
def test_one_image_of_another_class_more_than_promised_is_refused(precision, _, images):
    reference = np.random.default_rng(0).normal(size=(IMAGES, 4000)).astype(np.float32)
    reference[:, :2] = 100, 99.9  # the two that change places, all but equal
    assert is_admitted(swapped(reference, images), reference, precision)
    assert not is_admitted(swapped(reference, images + 1), reference, precision)


@pytest.mark.parametrize(("precision", "cosine", "images"), PROMISED)
def test_the_guide_says_which_bounds_hold(precision, cosine, images):
    text = (Path(__file__).parents[2] / "docs" / "engines.md").read_text(encoding="utf-8")
    (line,) = (each for each in text.splitlines() if "cosine" in each and f"{cosine}" in each)
    assert f"`{precision}`" in line
    assert ("one image" if images == 1 else f"{1 - images / IMAGES:.0%}".replace("%", " %")) in line


def test_real_images_are_always_the_same_and_all_different():
    images = real_images(16)
    assert images.shape == (IMAGES, 16, 16, 3)
    np.testing.assert_array_equal(images, real_images(16))
    assert len(np.unique(images.reshape(IMAGES, -1), axis=0)) == IMAGES
    np.testing.assert_array_equal(real_images(16, 20, 5), images[20:25])
    assert images.std(axis=(1, 2, 3)).min() > 0
