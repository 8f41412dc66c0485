"""Networks on GPUs, for which this machine's CPU stands: chunks, resizing, too little memory."""

import json
import logging
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from tl_core.devices import Devices
from tl_core.engines import device_network, open_model, opening
from tl_core.engines import tensorflow as tensorflow_engine
from tl_core.engines.device_network import DeviceNetwork, most_at_once
from tl_core.engines.protocol import ChunkedNetwork, call_size
from tl_core.errors import DeviceError, ImageError, ModelError
from tl_core.extractor import FeatureExtractor
from tl_core.models import Model, NetworkSettings, resolve
from tl_core.resampling import FILTERS
from tl_core.resize import resize_batch

SIZE = 32
CPU, GPU = Devices("cpu", ("CPU:0",)), Devices("gpu", ("CPU:0",))


def noise(count, height, width=None):
    shape = (count, height, width or height, 3)
    return np.random.default_rng(count).integers(0, 256, shape, np.uint8)


@pytest.fixture(scope="module", params=["tensorflow", "tensorflow-xla"])
def network(request, tiny_model):
    """The tiny model's, as it is opened on a GPU, in chunks of 8."""
    model = Model(resolve(tiny_model, "features"), tiny_model, "features")
    compiled = request.param == "tensorflow-xla"
    settings = NetworkSettings(SIZE, chunk=8)
    return tensorflow_engine.open_network(model, GPU, settings, compiled=compiled)


@pytest.mark.parametrize("count", [0, 1, 3, 8, 21])
def test_any_number_of_images_gets_the_references_features(network, reference, count):
    images = noise(count + 1, SIZE)[:count]
    features = network(images)
    assert features.shape == (count, network.output_size)
    assert features.dtype == np.float32
    if count:
        np.testing.assert_allclose(features, reference(images), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("shape", [(8, 8), (32, 20), (1, 32)], ids=str)
@pytest.mark.parametrize("method", FILTERS)
def test_small_images_are_resized_by_the_device(network, reference, shape, method):
    images = noise(11, *shape)
    features = network.resizing(*shape, method)(images)
    expected = reference(resize_batch(images, SIZE, method))
    np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-3)


def test_images_of_the_networks_own_size_are_not_resized(network):
    assert network.resizing(SIZE, SIZE, "lanczos") is network
    assert network.resizing(SIZE, SIZE, "tf-area") is network


@pytest.mark.parametrize("method", ["nearest", "tf-bilinear"])
def test_other_filters_are_left_to_the_cpu(network, method):
    assert network.resizing(8, 8, method) is None


@pytest.mark.parametrize("shape", [(33, 8), (8, 33)])
def test_larger_images_are_left_to_the_cpu(network, shape):
    assert network.resizing(*shape, "lanczos") is None


def test_a_device_that_does_not_resize_exactly_leaves_it_to_the_cpu(monkeypatch, caplog, network):
    import tensorflow as tf

    right = device_network.graph_resample

    def off(images, height, width, name):
        return right(images, height, width, name) // tf.constant(2, tf.uint8)

    monkeypatch.setattr(device_network, "graph_resample", off)
    assert network.resizing(9, 9, "box") is None
    assert "CPU:0: resizing by box from 9 × 9 to 32 pixels isn't exact there" in caplog.text


def test_a_function_is_made_once_for_images_of_one_size(network):
    assert network.resizing(16, 16, "box") is network.resizing(16, 16, "box")


def test_wrong_images_are_refused(network):
    with pytest.raises(ModelError, match=f"opened for {SIZE}"):
        network(np.zeros((1, 40, 40, 3), np.uint8))
    with pytest.raises(ImageError, match="float64: expected uint8"):
        network.resizing(8, 8, "lanczos")(np.zeros((1, 8, 8, 3)))


class Device:
    """Stands for a network on a device whose memory holds ``room`` images."""

    image_size, output_size, device, module = 4, 2, "CPU:0", None

    def __init__(self, room=10**6, error="ResourceExhaustedError", message="OOM"):
        self.room, self.error, self.message, self.counts = room, error, message, []
        self.functions = [self.run]

    def run(self, images):
        import tensorflow as tf

        self.counts.append(len(images))
        if len(images) > self.room:
            raise getattr(tf.errors, self.error)(None, None, self.message)
        return tf.cast(images[:, 0, 0, :2], tf.float32)


def opened(device, chunk, names=("CPU:0",)):
    return DeviceNetwork(device, names, chunk=chunk)


def numbered(count):
    images = np.zeros((count, 4, 4, 3), np.uint8)
    images[:, 0, 0, 0] = np.arange(count)
    return images


def first_column(outputs):
    return outputs[:, 0].tolist()


def test_fewer_images_are_filled_up_to_a_number_that_was_run_before():
    device = Device()
    network = opened(device, 16)
    for count in (3, 4, 1, 5, 40, 9, 2):
        assert first_column(network(numbered(count))) == list(range(count))
    # 4 and 8 are powers of two; of 40 images 16, 16 and 8 are left; 9 take the chunk.
    assert device.counts == [4, 4, 4, 8, 16, 16, 8, 16, 4]


def test_a_chunk_that_is_no_power_of_two_is_the_most():
    device = Device()
    opened(device, 20)(numbered(17))
    assert device.counts == [20]


def test_a_chunk_larger_than_memory_is_halved_and_said(caplog):
    device = Device(room=5)
    network = opened(device, 16)
    with caplog.at_level(logging.WARNING):
        assert first_column(network(numbered(21))) == list(range(21))
    assert (network.chunk, network.images_per_call, call_size(network, 1)) == (4, 4, 4)
    assert device.counts == [16, 8, *[4] * 6]
    assert [record.getMessage() for record in caplog.records] == [
        f"CPU:0: {n} images at once don't fit into its memory; from now on {n // 2}"
        for n in (16, 8)
    ]


def test_what_is_too_large_is_found_also_where_fewer_images_than_a_chunk_are_run():
    network = opened(Device(room=5), 1024)
    assert first_column(network(numbered(8))) == list(range(8))
    assert network.chunk == 4


@pytest.mark.parametrize(
    ("error", "message"),
    [
        ("ResourceExhaustedError", "OOM when allocating tensor with shape[16,4,4,3]"),
        ("InternalError", "Failed: CUDA_ERROR_OUT_OF_MEMORY: out of memory"),
        ("NotFoundError", "No algorithm worked! Profiling failure: RESOURCE_EXHAUSTED: Out of"),
    ],
)
def test_every_way_to_say_that_memory_is_short_is_known(error, message):
    network = opened(Device(8, error, message), 16)
    network(numbered(16))
    assert network.chunk == 8


def test_other_errors_are_not_taken_for_short_memory():
    import tensorflow as tf

    network = opened(Device(8, "NotFoundError", "no such kernel"), 16)
    with pytest.raises(tf.errors.NotFoundError, match="no such kernel"):
        network(numbered(16))
    assert network.chunk == 16


def test_an_image_that_does_not_fit_is_an_error():
    network = opened(Device(room=0), 4)
    with pytest.raises(DeviceError, match="one image doesn't fit into its memory; expected room"):
        network(numbered(2))


def test_threads_that_run_out_of_memory_together_halve_once_each_size():
    """All of them begin with a chunk that is too large."""
    device = Device(room=8)
    network = opened(device, 32)
    barrier = threading.Barrier(3)

    def run(count):
        barrier.wait()
        return first_column(network(numbered(count)))

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(run, (32, 31, 30))) == [list(range(n)) for n in (32, 31, 30)]
    assert network.chunk == 8


def test_no_tensor_has_more_numbers_than_tensorflow_can_count(caplog):
    """Of 224 pixels the widest layer has 64 × 224 × 224 numbers."""
    assert most_at_once(224) * 64 * 224 * 224 < 2**31 <= (most_at_once(224) + 1) * 64 * 224 * 224
    assert most_at_once(100_000) == 1
    device = Device()
    device.image_size = 224
    assert opened(device, 2048).chunk == most_at_once(224)
    assert "2048 images of 224 pixels at once are more than TensorFlow can count" in caplog.text
    caplog.clear()
    device.image_size = 1024
    assert opened(device, None).chunk == most_at_once(1024) < device_network.CHUNK
    assert not caplog.text, "nobody asked for more"


def test_only_networks_on_gpus_are_chunked(network, reference):
    assert isinstance(network, ChunkedNetwork)
    assert not isinstance(reference, ChunkedNetwork)
    assert call_size(reference, 32) == 32
    assert (call_size(network, 3), call_size(network, 100)) == (8, 100)


@pytest.fixture
def on_gpu(monkeypatch):
    """``device="gpu"`` stands for the CPU."""
    monkeypatch.setattr(opening, "select_devices", lambda spec: GPU if spec == "gpu" else CPU)


@pytest.mark.parametrize("engine", ["tensorflow", "tensorflow-xla"])
def test_an_engine_on_a_gpu_is_compared_with_the_reference_on_the_cpu(on_gpu, engine, tiny_model):
    settings = NetworkSettings(SIZE, device="gpu", chunk=64)
    opened = open_model(tiny_model, "features", engine, settings)
    assert (opened.network.chunk, opened.choice.chunk, opened.choice.workers) == (64, 64, 1)
    assert opened.equivalence.cosine > 0.9999
    assert opened.equivalence.images == 64, "as many as it runs at once"


def test_a_chunk_that_is_set_and_larger_than_memory_is_not_reported(
    on_gpu, monkeypatch, caplog, tiny_model
):
    import tensorflow as tf

    right = device_network._Replicas.__call__

    def short(self, pixels, count):
        if count > 20:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        return right(self, pixels, count)

    monkeypatch.setattr(device_network._Replicas, "__call__", short)
    settings = NetworkSettings(SIZE, device="gpu", chunk=64)
    for _ in range(2):
        opened = open_model(tiny_model, "features", "tensorflow", settings)
        assert (opened.network.chunk, opened.choice.chunk) == (16, 16)
        assert "CPU:0: 32 images at once don't fit into its memory; from now on 16" in caplog.text
        caplog.clear()


def test_wrong_features_of_a_gpu_are_refused(on_gpu, monkeypatch, tiny_model):
    """Even where only the last images of a large chunk are wrong."""
    right = device_network._Replicas.__call__

    def wrong(self, pixels, count):
        outputs = right(self, pixels, count).copy()
        outputs[63:] = 0
        return outputs

    monkeypatch.setattr(device_network._Replicas, "__call__", wrong)
    settings = NetworkSettings(SIZE, device="gpu", chunk=64)
    with pytest.raises(ModelError, match="engine tensorflow fp32 differs from the reference"):
        open_model(tiny_model, "features", "tensorflow", settings)


def test_workers_are_refused_on_a_gpu(on_gpu, tiny_model):
    settings = NetworkSettings(SIZE, device="gpu", workers=2)
    with pytest.raises(ModelError, match="on device gpu: 2 workers, expected one per GPU"):
        open_model(tiny_model, "features", "tensorflow", settings)


@pytest.mark.parametrize("size", [16, SIZE, 40], ids=["smaller", "same", "larger"])
def test_an_extractor_on_a_gpu_gives_the_cpus_features(on_gpu, tiny_model, size):
    images = noise(45, size)
    on_device = FeatureExtractor(tiny_model, device="gpu", chunk=16)
    features = on_device.extract(images, batch_size=7)
    expected = FeatureExtractor(tiny_model).extract(images)
    np.testing.assert_allclose(features, expected, rtol=1e-3, atol=1e-3)


TWO = """
import json, sys, numpy as np, tensorflow as tf
from pathlib import Path
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
from tl_core.devices import Devices
from tl_core.engines import tensorflow
from tl_core.models import Model, NetworkSettings
loaded, open_model = [], Model.open
def remembered(model):
    loaded.append(open_model(model))
    return loaded[-1]
Model.open = remembered
model = Model(Path(sys.argv[1]), "x", "features")
def opened(*names, compiled=False):
    settings = NetworkSettings(32, chunk=4)
    return tensorflow.open_network(model, Devices("gpu", names), settings, compiled=compiled)
images = np.random.default_rng(0).integers(0, 256, (11, 32, 32, 3), np.uint8)
small = np.ascontiguousarray(images[:, :16, :16])
one, said = opened("CPU:0"), []
for compiled in (False, True):
    both = opened("CPU:0", "CPU:1", compiled=compiled)
    run = both.resizing(16, 16, "lanczos")
    devices = [module.variables[0].device[-5:] for module in loaded[-2:]]
    said.append([
        both.module is None, both.images_per_call, devices,
        float(np.abs(both(images) - one(images)).max()),
        float(np.abs(run(small) - one.resizing(16, 16, "lanczos")(small)).max()),
        list(both(images[:1]).shape),
    ])
print(json.dumps(said))
"""


@pytest.mark.slow
def test_two_devices_share_each_call(tiny_model):
    """Two logical CPUs stand for two GPUs: each has its replica, and outputs keep their order."""
    done = subprocess.run(
        [sys.executable, "-c", TWO, tiny_model],
        capture_output=True, text=True, check=False, env=os.environ,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    for no_module, images, devices, plain, resized, shape in json.loads(done.stdout):
        assert (no_module, images, shape) == (True, 8, [1, 2048])
        assert devices == ["CPU:0", "CPU:1"]
        assert max(plain, resized) < 1e-3


@pytest.mark.gpu
def test_a_real_gpu_resizes_exactly_and_gives_the_cpus_features(tiny_model):
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has no GPU that TensorFlow can use")
    code = """
import json, sys, numpy as np
from tl_core import FeatureExtractor
images = np.random.default_rng(0).integers(0, 256, (300, 16, 16, 3), np.uint8)
on_gpu = FeatureExtractor(sys.argv[1], device="gpu:0", chunk=128)
exact = [on_gpu.network.resizing(16, 16, name) is not None for name in sys.argv[2:]]
near = np.allclose(on_gpu.extract(images), FeatureExtractor(sys.argv[1]).extract(images), atol=0.05)
print(json.dumps([all(exact), bool(near)]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code, tiny_model, *FILTERS],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [True, True]
