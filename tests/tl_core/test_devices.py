"""Devices that aren't there are errors; replicas and threads are what was asked for."""

import json
import os
import subprocess
import sys

import pytest

from tl_core.devices import select_devices, usable_cpus
from tl_core.errors import DeviceError


def run_fresh(code, **environ):
    """Run code in a new process, since TensorFlow's devices and threads are fixed once it runs."""
    ours = {name: value for name, value in os.environ.items() if "OP_THREADS" not in name}
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=ours | environ,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


class FakeConfig:
    """Stands for tf.config on a machine with GPUs."""

    def __init__(self, gpus, running=False):
        self.gpus, self.running = gpus, running
        self.visible = gpus
        self.grown = {}
        self.experimental = self

    def list_physical_devices(self, kind):
        return self.gpus if kind == "GPU" else ["cpu"]

    def get_visible_devices(self, kind):
        return self.visible

    def set_visible_devices(self, devices, kind):
        assert kind == "GPU"
        if self.running:
            raise RuntimeError("initialized")
        self.visible = devices

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
    with pytest.raises(DeviceError, match=r"gpu:2.*has gpu:0 to gpu:1"):
        select_devices("gpu:2")


def test_memory_that_cannot_grow_any_more_is_an_error(two_gpus):
    two_gpus.running = True
    with pytest.raises(DeviceError, match="before anything else uses TensorFlow"):
        select_devices("gpu")


def test_cpu_hides_the_gpus_and_gpu_shows_them_again(two_gpus):
    assert select_devices("cpu").names == ("CPU:0",)
    assert two_gpus.visible == []
    select_devices("gpu:1")
    assert two_gpus.visible == ["a", "b"]


def test_cpu_is_there_too_where_tensorflow_has_taken_the_gpus(two_gpus):
    two_gpus.running = True
    assert select_devices("cpu").names == ("CPU:0",)
    assert two_gpus.visible == ["a", "b"]


def test_gpus_that_are_hidden_from_the_running_tensorflow_are_an_error(two_gpus):
    select_devices("cpu")
    two_gpus.running = True
    with pytest.raises(DeviceError, match=r"device 'gpu:1'.*start a new process for the GPU"):
        select_devices("gpu:1")


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


SET_THREADS = """
import json, sys, tensorflow as tf
from tl_core.devices import set_threads, usable_cpus
from tl_core.errors import DeviceError
def tried(threads):
    try:
        set_threads(threads)
    except DeviceError as error:
        return str(error)
"""
#: Starts TensorFlow, sets threads, and says what TensorFlow reports.
WHILE_RUNNING = "tf.constant(1) + 1; print(json.dumps([tried(t) for t in (1, 2, 3)]))"


FIVE = {"TF_NUM_INTRAOP_THREADS": "5", "TF_NUM_INTEROP_THREADS": "5"}


@pytest.mark.parametrize(
    ("threads", "environ"),
    [
        pytest.param("1", FIVE, marks=pytest.mark.slow),
        ("usable_cpus()", {}),
        # The same code with other numbers.
        pytest.param("1", {}, marks=pytest.mark.slow),
        pytest.param("2", {}, marks=pytest.mark.slow),
        pytest.param("2", FIVE, marks=pytest.mark.slow),
        pytest.param("usable_cpus()", FIVE, marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_threads_are_set_before_tensorflow_runs(threads, environ):
    code = f"""
set_threads({threads}); set_threads({threads})
tf.constant(1) + 1
set_threads({threads})
print(json.dumps([tf.config.threading.get_intra_op_parallelism_threads() == {threads},
                  tf.config.threading.get_inter_op_parallelism_threads() == 1]))
"""
    assert run_fresh(SET_THREADS + code, **environ) == [True, True]


@pytest.mark.parametrize(
    ("environ", "running"),
    [
        pytest.param(
            {"TF_NUM_INTRAOP_THREADS": "2", "TF_NUM_INTEROP_THREADS": "1"},
            None,
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"TF_NUM_INTRAOP_THREADS": "7", "TF_NUM_INTEROP_THREADS": "1"},
            "7 threads per operation",
            marks=pytest.mark.slow,
        ),
        pytest.param(
            {"TF_NUM_INTRAOP_THREADS": "2", "TF_NUM_INTEROP_THREADS": "5"},
            "and 5 parallel operations",
            marks=pytest.mark.slow,
        ),
    ],
    ids=["fitting", "other intra-op", "other inter-op"],
)
def test_threads_from_the_environment_count_where_tensorflow_runs(environ, running):
    one, two, three = run_fresh(SET_THREADS + WHILE_RUNNING, **environ)
    assert "already runs in this process" in one
    assert "already runs in this process" in three
    assert two is None if running is None else running in two


def test_other_threads_than_the_running_ones_are_an_error():
    code = """
tf.config.threading.set_inter_op_parallelism_threads(1)
tf.constant(1) + 1
print(json.dumps([tried(usable_cpus()), tried(usable_cpus() + 1)]))
"""
    same, other = run_fresh(SET_THREADS + code)
    assert same is None
    assert "already runs in this process" in other


@pytest.mark.parametrize(
    ("value", "threads"), [(None, 0), ("", 0), ("3", 3), (" 4 ", 4), ("-1", 0), ("two", 0)]
)
def test_threads_in_the_environment_are_read_as_tensorflow_does(monkeypatch, value, threads):
    from tl_core.devices import _threads_from

    monkeypatch.delenv("TF_NUM_INTRAOP_THREADS", raising=False)
    if value is not None:
        monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", value)
    assert _threads_from("TF_NUM_INTRAOP_THREADS") == threads


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


@pytest.mark.slow
def test_a_batch_is_shared_out_among_replicas_and_put_together_in_order(tiny_model):
    """Two logical CPUs stand for two GPUs: placement and order are the same code."""
    code = f"""
import json, numpy as np, tensorflow as tf
from pathlib import Path
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
from tl_core.devices import Devices
from tl_core.engines import tensorflow
from tl_core.models import Model, NetworkSettings
loaded, opened_model = [], Model.open
def remembered(model):
    loaded.append(opened_model(model))
    return loaded[-1]
Model.open = remembered
path = Path({tiny_model!r})
def opened(*names):
    model = Model(path, "x", "features")
    return tensorflow.open_network(model, Devices("cpu", names), NetworkSettings(32))
both, one = opened("CPU:0", "CPU:1"), opened("CPU:0")
images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
print(json.dumps([
    [module.variables[0].device[-5:] for module in loaded[:2]],
    [both.module is None, one.module is loaded[2], both.device],
    float(np.abs(both(images) - one(images)).max()),
    list(both(images[:1]).shape),
]))
"""
    devices, modules, difference, shape = run_fresh(code)
    assert modules == [True, True, "CPU:0"]
    assert devices == ["CPU:0", "CPU:1"]
    assert difference < 1e-4
    assert shape == [1, 2048]


@pytest.mark.slow
def test_the_head_learns_where_its_extractor_runs(tiny_model):
    """CPU:1 stands for a GPU that isn't the one that TensorFlow would choose."""
    code = f"""
import json, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
from tl_core.devices import Devices
import tl_core.engines.opening
tl_core.engines.opening.select_devices = lambda spec: Devices(spec, ("CPU:1",))
from tl_core import FeatureExtractor, TransferModel
model = TransferModel(FeatureExtractor({tiny_model!r}), ["a", "b"])
trainer = model.compile()
images = np.random.default_rng(0).integers(0, 256, (4, 32, 32, 3), np.uint8)
before = model.head.kernel.copy()
model.fit(images, [0, 1, 0, 1], batch_size=2)
step = trainer._step.graph.get_operations()
print(json.dumps([
    [v.device[-5:] for v in (*trainer._variables, *trainer._optimizer.variables)],
    sorted({{op.device[-5:] for op in step if op.type == "MatMul"}}),
    bool((model.head.kernel != before).any()),
]))
"""
    variables, products, learned = run_fresh(code)
    # Kernel and bias, and Adam's two moments of each; it may count its steps elsewhere.
    assert variables[:2] == ["CPU:1"] * 2
    assert variables.count("CPU:1") >= 6
    assert products == ["CPU:1"]
    assert learned


@pytest.mark.gpu
def test_a_real_gpu_gives_the_cpus_features():
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has no GPU that TensorFlow can use")
    code = """
import json, numpy as np
from tl_core import FeatureExtractor
images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
on_gpu = FeatureExtractor(device="gpu", image_size=96).extract(images)
on_cpu = FeatureExtractor(device="cpu", image_size=96).extract(images)
print(json.dumps(bool(np.allclose(on_gpu, on_cpu, rtol=0.05, atol=0.05))))
"""
    assert run_fresh(code)
