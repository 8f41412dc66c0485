"""Result files hold a few images with their predictions, and none of a person's own."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from tl_core.classifier import Prediction
from tl_core.data import load_data
from tl_core.head import evaluation
from tl_core.photographs import portrait
from tlbench.suite.samples import SIDE, TYPICAL, WRONG, of_photographs, of_test, thumbnail


@pytest.fixture(scope="module")
def patches():
    return load_data("photo-patches").head(10, 200)


def judged(patches):
    rng = np.random.default_rng(0)
    count, classes = len(patches.test), len(patches.class_names)
    probabilities = rng.dirichlet(np.ones(classes), count).astype(np.float32)
    return evaluation(probabilities, patches.test.labels), probabilities


def opened(text):
    return Image.open(io.BytesIO(base64.b64decode(text)))


def test_each_sample_says_label_prediction_and_probability_of_its_image(patches):
    result, probabilities = judged(patches)
    samples = of_test("photo-patches", patches, result)
    images = patches.test.images.take(range(len(patches.test)))
    for sample in samples:
        pixels = np.asarray(opened(sample.image), float)
        errors = [np.abs(pixels - image).mean() for image in images]
        position = int(np.argmin(errors))
        assert errors[position] < 12  # what JPEG loses
        assert sample.label == patches.class_names[patches.test.labels[position]]
        assert sample.predicted == patches.class_names[probabilities[position].argmax()]
        assert sample.probability == float(probabilities[position].max())


def test_the_surest_mistakes_are_among_them(patches):
    result, _ = judged(patches)
    samples = of_test("photo-patches", patches, result)
    wrong = result.confidences[result.predictions != patches.test.labels]
    shown = {each.probability for each in samples if each.label != each.predicted}
    assert set(np.sort(wrong)[-WRONG:].tolist()) <= shown
    assert len(samples) <= TYPICAL + WRONG


def test_pictures_of_a_persons_own_folder_are_not_kept(patches):
    result, _ = judged(patches)
    assert of_test("./photo-patches", patches, result) is None


def test_photographs_are_small_and_named():
    (sample,) = of_photographs([(portrait(), [Prediction("military uniform", 0.5, 0)])])
    image = opened(sample.image)
    assert max(image.size) == SIDE
    assert (sample.predicted, sample.probability) == ("military uniform", 0.5)


def test_a_small_image_is_not_enlarged():
    pixels = np.full((32, 20, 3), 77, np.uint8)
    assert opened(thumbnail(pixels)).size == (20, 32)


def test_a_large_image_is_a_small_jpeg():
    image = np.zeros((300, 600, 3), np.uint8)
    image[:, :300] = (200, 30, 30)
    picture = opened(thumbnail(image, 160, 80))
    assert (picture.format, picture.size) == ("JPEG", (160, 80))
    assert np.allclose(np.asarray(picture)[40, 20], (200, 30, 30), atol=12)
