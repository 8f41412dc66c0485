"""Devices that aren't there are errors; replicas and threads are what was asked for."""

import json
import subprocess
import sys

import pytest

from tl_core.devices import select_devices, usable_cpus
from tl_core.errors import DeviceError


def run_fresh(code):
    """Run code in a new process, since TensorFlow's devices and threads are fixed once it runs."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


class FakeConfig:
    """Stands for tf.config on a machine with GPUs."""

    def __init__(self, gpus, running=False):
        self.gpus, self.running = gpus, running
        self.grown = {}
        self.experimental = self

    def list_physical_devices(self, kind):
        return self.gpus if kind == "GPU" else ["cpu"]

    def get_memory_growth(self, gpu):
        return self.grown.get(gpu)

    def set_memory_growth(self, gpu, grow):
        if self.running:
            raise RuntimeError("initialized")
        self.grown[gpu] = grow


@pytest.fixture
def two_gpus(monkeypatch):
    import tensorflow as tf

    config = FakeConfig(["a", "b"])
    monkeypatch.setattr(tf, "config", config)
    return config


def test_cpu_is_one_device():
    assert select_devices("cpu").names == ("CPU:0",)


@pytest.mark.parametrize(
    ("spec", "names"), [("gpu", ("GPU:0", "GPU:1")), ("gpu:0", ("GPU:0",)), ("gpu:1", ("GPU:1",))]
)
def test_gpu_is_all_of_them_or_the_one_named(two_gpus, spec, names):
    assert select_devices(spec).names == names


def test_gpu_memory_grows_as_needed(two_gpus):
    select_devices("gpu")
    assert two_gpus.grown == {"a": True, "b": True}


def test_a_gpu_that_the_machine_lacks_is_an_error(two_gpus):
    with pytest.raises(DeviceError, match=r"gpu:2.*has 2 GPU"):
        select_devices("gpu:2")


def test_memory_that_cannot_grow_any_more_is_an_error(two_gpus):
    two_gpus.running = True
    with pytest.raises(DeviceError, match="before anything else uses TensorFlow"):
        select_devices("gpu")


@pytest.mark.parametrize("spec", ["gpu", "gpu:0"])
def test_without_a_gpu_there_is_no_fallback(spec):
    import tensorflow as tf

    if tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has a GPU")
    with pytest.raises(DeviceError, match="sees no GPU"):
        select_devices(spec)


@pytest.mark.parametrize("spec", ["tpu", "GPU", "gpu:", "gpu:-1", "cpu:0", ""])
def test_other_specifications_are_refused(spec):
    with pytest.raises(DeviceError, match="expected cpu, gpu"):
        select_devices(spec)


def test_threads_are_set_before_tensorflow_runs():
    code = """
import json, tensorflow as tf
from tl_core.devices import set_threads
set_threads(1); set_threads(1)
tf.constant(1) + 1
print(json.dumps([tf.config.threading.get_intra_op_parallelism_threads(),
                  tf.config.threading.get_inter_op_parallelism_threads()]))
"""
    assert run_fresh(code) == [1, 1]


def test_other_threads_than_the_running_ones_are_an_error():
    code = """
import json, tensorflow as tf
from tl_core.devices import set_threads, usable_cpus
from tl_core.errors import DeviceError
tf.constant(1) + 1
set_threads(usable_cpus())
try:
    set_threads(usable_cpus() + 1)
except DeviceError as error:
    print(json.dumps(str(error)))
"""
    assert "already runs in this process" in run_fresh(code)


def test_fewer_than_one_thread_is_refused():
    from tl_core.devices import set_threads

    with pytest.raises(DeviceError, match="at least 1"):
        set_threads(0)


def test_usable_cpus_follow_the_affinity():
    code = """
import json, os
from tl_core.devices import usable_cpus
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
print(json.dumps(usable_cpus()))
"""
    if not hasattr(sys.modules["os"], "sched_setaffinity"):
        pytest.skip("this OS has no CPU affinity")
    assert run_fresh(code) == 1
    assert usable_cpus() >= 1


def test_a_batch_is_shared_out_among_replicas_and_put_together_in_order():
    """Two logical CPUs stand for two GPUs: placement and order are the same code."""
    code = """
import json, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
from tl_core.devices import Devices
from tl_core.engines import NetworkSettings
from tl_core.engines.tensorflow import open_network
from tl_core.models import resolve
path = resolve("efficientnet-lite0", "features")
def opened(*names):
    return open_network(path, "x", "features", Devices("cpu", names), NetworkSettings(64))
both, one = opened("CPU:0", "CPU:1"), opened("CPU:0")
images = np.random.default_rng(0).integers(0, 256, (5, 64, 64, 3), np.uint8)
print(json.dumps([
    [module.variables[0].device[-5:] for module in both.modules],
    float(np.abs(both(images) - one(images)).max()),
    list(both(images[:1]).shape),
]))
"""
    devices, difference, shape = run_fresh(code)
    assert devices == ["CPU:0", "CPU:1"]
    assert difference < 1e-4
    assert shape == [1, 1280]


@pytest.mark.gpu
def test_a_real_gpu_gives_the_cpus_features():
    import numpy as np
    import tensorflow as tf

    from tl_core.extractor import FeatureExtractor

    if not tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has no GPU that TensorFlow can use")
    images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    on_gpu = FeatureExtractor(device="gpu", image_size=96).extract(images)
    on_cpu = FeatureExtractor(device="cpu", image_size=96).extract(images)
    np.testing.assert_allclose(on_gpu, on_cpu, rtol=0.05, atol=0.05)
