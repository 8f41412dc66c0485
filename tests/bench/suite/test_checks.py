"""What must hold before a timing counts is refused where it doesn't."""

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from tl_core.extractor import FeatureExtractor
from tl_core.jpeg import PIXEL_BOUND
from tl_core.sources import FileSource
from tlbench.suite.checks import check_decoded, check_features, check_pixels
from tlbench.suite.loaded_workload import LoadedWorkload, open_data
from tlbench.suite.workloads import QUICK


@pytest.fixture(scope="module")
def workload(tiny_model):
    options = replace(QUICK, model=tiny_model, image_size=32, train_size=60, test_size=60)
    extractor = FeatureExtractor(tiny_model, image_size=32)
    return LoadedWorkload(options, open_data(options), extractor, load_s=1.0, first_call_s=1.0)


def turned(features, cosine):
    """The first image's features in another direction, of the same length."""
    first = features[0].astype(float)
    across = np.random.default_rng(0).normal(size=len(first))
    across -= first * (across @ first) / (first @ first)
    across *= np.linalg.norm(first) / np.linalg.norm(across)
    return np.vstack([cosine * first + (1 - cosine**2) ** 0.5 * across, features[1:]])


@pytest.mark.parametrize(
    ("precision", "change", "refused"),
    [
        pytest.param("fp32", lambda f: f, None, id="as they are"),
        pytest.param("fp32", lambda f: turned(f, 0.99995), None, id="within rounding"),
        pytest.param("fp32", lambda f: turned(f, 0.9998), "cosine", id="turned a little"),
        pytest.param("fp32", lambda f: f * 1.002, "lengths", id="a little too long"),
        pytest.param("bf16", lambda f: turned(f, 0.96), None, id="bf16, near enough"),
        pytest.param("bf16", lambda f: turned(f, 0.94), "cosine", id="bf16, too far"),
        pytest.param("fp16", lambda f: turned(f, 0.96), None, id="fp16, near enough"),
        pytest.param("fp16", lambda f: f * 1.1, "lengths", id="fp16, too long"),
        pytest.param("int8", lambda f: turned(f, 0.65), None, id="int8, near enough"),
        pytest.param("int8", lambda f: turned(f, 0.55), "cosine", id="int8, too far"),
        pytest.param("int8", lambda f: f * 2, "lengths", id="int8, twice as long"),
    ],
)
def test_features_of_another_network_are_refused(workload, monkeypatch, precision, change, refused):
    features = workload.extractor.extract(workload.data.train.images.head(8))
    monkeypatch.setattr(workload, "options", replace(workload.options, precision=precision))
    monkeypatch.setattr(workload.extractor, "extract", lambda images: change(features))
    if refused is None:
        check_features(workload)
        return
    with pytest.raises(AssertionError, match=refused):
        check_features(workload)


@pytest.mark.parametrize("size", [20, 200])
def test_decoded_pixels_may_differ_from_pillows_by_two_levels(tmp_path, monkeypatch, size):
    paths = [tmp_path / f"{number}.jpg" for number in range(3)]
    picture = Image.linear_gradient("L").resize((250, 190)).point(lambda v: 50 + v // 2)
    for path in paths:
        picture.convert("RGB").save(path)
    source, difference = FileSource(tuple(paths)), np.zeros(3, np.uint8)
    take = FileSource.take
    monkeypatch.setattr(FileSource, "take", lambda *a: [each + difference for each in take(*a)])
    check_decoded(source, size)
    difference[1] = 2 * PIXEL_BOUND + 1
    with pytest.raises(AssertionError, match="by up to"):
        check_decoded(source, size)


def test_a_pixel_that_is_not_pillows_is_refused():
    rng = np.random.default_rng(0)
    images = list(rng.integers(0, 256, (3, 40, 50, 3), np.uint8))
    pictures = [Image.fromarray(each).resize((16, 12), Image.Resampling.LANCZOS) for each in images]
    resized = np.stack([np.asarray(picture) for picture in pictures])
    check_pixels(images, resized)
    resized[2, 5, 5, 1] ^= 1
    with pytest.raises(AssertionError, match="pixels differ from Pillow's"):
        check_pixels(images, resized)
