"""The tutorial's procedure is an engine of the suite: it computes what the reference does."""

import subprocess
import sys

import numpy as np
import pytest

from tl_core.data import load_data
from tl_core.engines import engine_names, open_model, opening
from tl_core.engines.names import ENGINES
from tl_core.errors import DeviceError
from tl_core.extractor import FeatureExtractor
from tl_core.models import NetworkSettings
from tl_core.resize import resize_batch
from tl_core.transfer import TransferModel
from tlbench.suite.tutorial_engine import NAME

SIZE = 32


@pytest.fixture(scope="module")
def opened(tiny_model):
    return open_model(tiny_model, "features", NAME, NetworkSettings(SIZE))


@pytest.mark.parametrize("count", [1, 5, 13])
def test_features_are_the_references(opened, tiny_model, count):
    pixels = resize_batch(load_data("photo-patches").test.images.pixels[:count], SIZE)
    reference = open_model(tiny_model, "features", "tensorflow", NetworkSettings(SIZE)).network
    features = opened.network(pixels)
    assert (features.shape, features.dtype) == ((count, 2048), np.float32)
    np.testing.assert_allclose(features, reference(pixels), rtol=1e-3, atol=1e-3)


def test_it_says_how_near_it_is_to_the_reference(opened):
    assert opened.equivalence.cosine > 0.9999
    assert opened.choice is None


def test_a_head_is_trained_beside_it(tiny_model):
    data = load_data("photo-patches").head(32, 16)
    model = TransferModel(FeatureExtractor(tiny_model, engine=NAME), data.class_names)
    losses = model.fit(data.train.images, data.train.labels, epochs=4)
    assert losses[-1] < losses[0]


def test_it_refuses_a_gpu(monkeypatch, tiny_model):
    from tl_core.devices import Devices

    monkeypatch.setattr(opening, "select_devices", lambda spec: Devices(spec, ("GPU:0",)))
    with pytest.raises(DeviceError, match=r"engine tutorial .* runs on the cpu only"):
        open_model(tiny_model, "features", NAME, NetworkSettings(device="gpu"))


def test_auto_never_chooses_it():
    assert NAME in engine_names()
    assert not ENGINES[NAME].automatic


def test_the_library_alone_has_no_such_engine():
    code = "from tl_core.engines import engine_names; print(*engine_names())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [
        "tensorflow", "tensorflow-xla", "litert", "onnxruntime", "openvino", "auto",
    ]  # fmt: skip
