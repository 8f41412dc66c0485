"""Every engine runs what the reference makes of models of odd layouts."""

import numpy as np
import pytest

from tl_core.engines import open_model
from tl_core.engines.names import ENGINES
from tl_core.models import NetworkSettings

SIDE = 16
ENGINE_NAMES = [name for name, each in ENGINES.items() if "tl_core" in each.module]
KERNEL = np.random.default_rng(3).normal(size=(3, 3, 3, 24)).astype(np.float32)


def _map(images):
    import tensorflow as tf

    return tf.nn.relu(tf.nn.conv2d(tf.cast(images, tf.float32), KERNEL, 2, "SAME"))


def _nchw(images):
    import tensorflow as tf

    return tf.transpose(_map(tf.transpose(images, (0, 2, 3, 1))), (0, 3, 1, 2))


def _short(images):
    import tensorflow as tf

    return tf.cast(_map(images), tf.bfloat16)


#: Function, shape, dtype, and the input range that is given.
LAYOUTS = {
    "colours first": (_nchw, (None, 3, SIDE, SIDE), "float32", "caffe"),
    "bytes": (_map, (None, SIDE, SIDE, 3), "uint8", None),
    "half, three at a time": (_map, (3, SIDE, SIDE, 3), "float16", None),
    "bfloat16 out": (_short, (None, SIDE, SIDE, 3), "float32", "0-1"),
}


@pytest.fixture(scope="module", params=LAYOUTS)
def odd(request, tmp_path_factory):
    """A handle and settings."""
    import tensorflow as tf

    function, shape, dtype, input_range = LAYOUTS[request.param]
    module = tf.train.Checkpoint()
    spec = tf.TensorSpec(shape, dtype, name="images")
    module.__call__ = tf.function(function, input_signature=[spec], autograph=False)
    folder = tmp_path_factory.mktemp("odd")
    tf.saved_model.save(module, str(folder))
    return str(folder), {"input_range": input_range, "image_size": SIDE}


@pytest.mark.parametrize("engine", ENGINE_NAMES)
def test_an_engine_runs_it_in_batches_of_any_size(odd, engine):
    handle, settings = odd
    # Pinned, so that no engine is tuned.
    pinned = {"workers": 1, "chunk": 2} if ENGINES[engine].runtime else {}
    pixels = np.random.default_rng(4).integers(0, 256, (5, SIDE, SIDE, 3), np.uint8)
    reference = open_model(handle, "features", "tensorflow", NetworkSettings(**settings)).network

    network = open_model(handle, "features", engine, NetworkSettings(**settings, **pinned)).network

    expected = reference(pixels)
    assert expected.std(axis=0).max() > 0.01
    np.testing.assert_allclose(network(pixels), expected, rtol=0.01, atol=0.01 * expected.max())
    assert network.output_size == 24
