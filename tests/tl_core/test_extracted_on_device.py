"""Features stay on the device that extracts them, and are those that are copied to the host."""

import numpy as np
import pytest

from tl_core import device_features
from tl_core.device_features import extracted_on_device
from tl_core.devices import Devices
from tl_core.engines import tensorflow as tensorflow_engine
from tl_core.engines.memory import is_out_of_memory
from tl_core.engines.protocol import KeepsOutputs
from tl_core.models import Model, NetworkSettings, resolve
from tl_core.sources import ArraySource
from tl_core.streaming import run_network

SIZE = 32
OPTIONS = {"batch_size": 6, "method": "lanczos"}


@pytest.fixture(scope="module", params=["tensorflow", "tensorflow-xla"])
def network(request, tiny_model):
    """The tiny model's, as it is opened on a GPU, in chunks of 8; a CPU stands for the GPU."""
    model = Model(resolve(tiny_model, "features"), tiny_model, "features")
    compiled, settings = request.param == "tensorflow-xla", NetworkSettings(SIZE, chunk=8)
    devices = Devices("gpu", ("CPU:0",))
    return tensorflow_engine.open_network(model, devices, settings, compiled=compiled)


def images(side, count=21):
    return np.random.default_rng(side).integers(0, 256, (count, side, side, 3), np.uint8)


@pytest.mark.parametrize("side", [16, SIZE, 40], ids=["resized there", "as they are", "resized"])
@pytest.mark.parametrize("batch_size", [1, 6, 20], ids=lambda size: f"batches of {size}")
def test_features_that_stay_are_those_that_are_copied(network, monkeypatch, side, batch_size):
    source, options = ArraySource(images(side)), OPTIONS | {"batch_size": batch_size}
    copied = run_network(network, source, **options)
    monkeypatch.setattr(device_features, "run_network", None)
    features = extracted_on_device(network, source, **options)
    assert features.is_resident
    assert features.device == network.device
    np.testing.assert_allclose(np.asarray(features), copied, rtol=1e-5, atol=1e-5)


def test_outputs_are_tensors_only_as_long_as_they_are_kept(network):
    import tensorflow as tf

    pixels = images(SIZE, 11)  # more than a chunk
    small, resizing = images(16, 3), network.resizing(16, 16, "lanczos")
    assert isinstance(network, KeepsOutputs)
    expected = network(pixels), resizing(small)
    with pytest.raises(ZeroDivisionError), network.keeping_outputs():
        for kept, array in zip((network(pixels), resizing(small)), expected, strict=True):
            assert tf.is_tensor(kept)
            np.testing.assert_allclose(kept, array, rtol=1e-5, atol=1e-5)
        raise ZeroDivisionError
    assert all(isinstance(each, np.ndarray) for each in (network(pixels), resizing(small)))


def test_many_features_are_copied_to_the_host_and_back(network, monkeypatch):
    """They would leave no room for the images under way."""
    source = ArraySource(images(SIZE))
    copied = run_network(network, source, **OPTIONS)
    monkeypatch.setattr(device_features, "MOST_KEPT_BYTES", copied.nbytes - 1)
    monkeypatch.setattr(device_features, "output_calls", None)
    features = extracted_on_device(network, source, **OPTIONS)
    assert features.is_resident
    np.testing.assert_allclose(np.asarray(features), copied, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("kind", "message", "expected"),
    [
        ("ResourceExhaustedError", "OOM when allocating tensor", True),
        ("InternalError", "_EagerConst: Dst tensor is not initialized.", True),
        ("InternalError", "cuBLAS failed", False),
    ],
)
def test_too_little_memory_is_told_from_other_errors(kind, message, expected):
    import tensorflow as tf

    error = getattr(tf.errors, kind)(None, None, message)
    assert is_out_of_memory(error) == expected
