"""The others' procedures do the same job: real images, a frozen network, an accuracy."""

import numpy as np
import pytest

from bench.studies.other_procedures import PROCEDURES, _as_float64
from tl_core.data import load_data
from tl_core.models import resolve
from tl_core.resize import resize_batch


@pytest.fixture(scope="module")
def data():
    return load_data("photo-patches").head(320, 60)


@pytest.mark.slow
@pytest.mark.parametrize("who", PROCEDURES)
def test_they_learn(who, data, tiny_model):
    module = resolve(tiny_model, "features")
    outcome = PROCEDURES[who](module, data, size=32, batch_size=8, seed=0)
    assert outcome.accuracy > 0.3, "chance is a tenth"
    assert min(outcome.train_s, outcome.evaluate_s) > 0
    assert (outcome.prepare_s > 0) == (who == "tutorial")


def test_the_tutorials_images_are_pillows_as_float64(data):
    pixels = _as_float64(data.test.head(5), 64)
    assert pixels.dtype == np.float64
    resized = resize_batch(data.test.images.pixels[:5], 64)
    np.testing.assert_array_equal(pixels, resized / 255.0)
