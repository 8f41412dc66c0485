"""Probes of GPUs, on the CPU: what they compute is right, they count it, and they end."""

import json
import subprocess
import sys

import numpy as np
import pytest

from tlbench.machine import probe_tensorflow_gpu as module
from tlbench.machine import probes
from tlbench.machine.probe_tensorflow_gpu import (
    additions,
    bandwidth,
    matmul,
    multiplied_in,
    precisions_of,
    probe_gpu,
    products,
)
from tlbench.machine.probes import ProbeError

tf = pytest.importorskip("tensorflow")
CPU = "CPU:0"


@pytest.fixture
def quick(monkeypatch):
    """Small matrices and arrays, and no time to repeat."""
    monkeypatch.setattr(module, "SIDES", (8, 16))
    monkeypatch.setattr(module, "ARRAY_BYTES", 4096)
    monkeypatch.setattr(module, "CALL_S", 1e-4)
    monkeypatch.setattr(probes, "BUDGET_S", 0.0)


def test_an_array_is_added_to_as_often_as_asked_for():
    work = additions(CPU, 1000)
    assert [float(work(times)) for times in (1, 7, 3)] == [1.0, 7.0, 3.0]


@pytest.mark.parametrize(
    ("precision", "tolerance"), [("fp32", 1e-5), ("tf32", 1e-5), ("bf16", 0.1), ("fp16", 0.02)]
)
def test_a_matrix_is_multiplied_as_often_as_asked_for(precision, tolerance):
    """Against NumPy in double precision, on the same random numbers."""
    first, other = (
        tf.random.stateless_normal((16, 16), (0, seed)).numpy().astype(np.float64)
        for seed in (0, 1)
    )
    work = products(CPU, precision, 16)
    for times in (1, 3):
        expected = (first @ np.linalg.matrix_power(other / 4, times))[0, 0]
        assert float(work(times)) == pytest.approx(expected, abs=tolerance)


def test_numbers_stay_of_one_size_over_many_products():
    assert 1e-3 < abs(float(products(CPU, "fp16", 64)(30))) < 1e3


def test_all_probes_of_a_device(quick):
    several = probe_gpu(CPU)
    kinds = [(each.kind, each.precision, each.size, each.unit) for each in several]
    assert [each[:2] for each in kinds] == [
        ("matmul", "fp32"), ("matmul", "fp16"), ("bandwidth", None),
    ]  # fmt: skip
    assert {each[3] for each in kinds[:2]} == {"GFLOP/s"}
    assert kinds[2][2:] == (4096, "GB/s")
    for each in several:
        assert each.best >= each.median > 0
        assert (each.n, each.device) == (probes.FEWEST, CPU)


class Clock:
    """A clock that only work moves on; a call takes 1 ms more than its work."""

    def __init__(self, monkeypatch):
        self.now, self.calls = 0.0, []
        monkeypatch.setattr(probes, "perf_counter", lambda: self.now)

    def work(self, seconds):
        def run(times):
            self.calls.append(times)
            self.now += 1e-3 + times * seconds

        return run


@pytest.mark.parametrize(
    ("gflops", "side"), [(20.0, 1024), (300.0, 1024), (5_000.0, 4096), (800_000.0, 8192)]
)
def test_the_largest_matrices_that_take_a_call_are_multiplied(monkeypatch, gflops, side):
    """The peak is measured although each call takes longer than its work."""
    clock = Clock(monkeypatch)
    monkeypatch.setattr(
        module, "products", lambda device, precision, side: clock.work(2e-9 * side**3 / gflops)
    )
    probe = matmul("GPU:0", "fp32")
    assert probe.size == side
    assert probe.best == pytest.approx(gflops, rel=0.1)
    assert clock.now < 2.0


def too_large(limit, work):
    """Stands for what makes work: more than so much doesn't fit into the GPU."""

    def make(*arguments):
        if arguments[-1] > limit:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        return work

    return make


@pytest.mark.parametrize(("fits", "side"), [(4096, 4096), (1024, 1024)])
def test_matrices_that_do_not_fit_are_left_out(monkeypatch, fits, side):
    monkeypatch.setattr(module, "products", too_large(fits, Clock(monkeypatch).work(1e-6)))
    assert matmul(CPU, "bf16").size == side


def test_without_memory_for_any_matrix_there_is_no_peak(monkeypatch):
    monkeypatch.setattr(module, "products", too_large(10, Clock(monkeypatch).work(1e-6)))
    with pytest.raises(ProbeError, match="no memory for matrices of 1024 × 1024"):
        matmul(CPU, "bf16")


def test_an_array_that_does_not_fit_is_halved(monkeypatch):
    """Each number is 4 bytes, read and written once in 1 ms, beside 1 ms for the call."""
    clock = Clock(monkeypatch)
    monkeypatch.setattr(module, "additions", too_large(2**26, clock.work(1e-3)))
    probe = bandwidth(CPU)
    assert probe.size == 4 * 2**26
    assert probe.best == pytest.approx(2 * probe.size / 1e-3 / 1e9, rel=0.05)
    monkeypatch.setattr(module, "additions", too_large(1000, clock.work(1e-3)))
    with pytest.raises(ProbeError, match="CPU:0: no memory for an array of 67,108,864 bytes"):
        bandwidth(CPU)


# --- precisions ---


@pytest.fixture
def capability(monkeypatch):
    """Sets the compute capability of every GPU, and forgets the environment's wish."""
    monkeypatch.delenv("NVIDIA_TF32_OVERRIDE", raising=False)

    def of_gpus(major, minor):
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: ["the GPU"])
        monkeypatch.setattr(
            tf.config.experimental, "get_device_details",
            lambda gpu: {"compute_capability": (major, minor)},
        )  # fmt: skip

    return of_gpus


@pytest.mark.parametrize(
    ("compute", "override", "precisions"),
    [
        ((7, 5), "", ("fp32", "fp16")),
        ((8, 0), "", ("fp32", "tf32", "bf16", "fp16")),
        ((9, 0), "0", ("fp32", "bf16", "fp16")),
        ((10, 0), "1", ("fp32", "tf32", "bf16", "fp16")),
    ],
    ids=["Turing", "Ampere", "Hopper without TF32", "Blackwell"],
)
def test_precisions_are_those_of_the_gpus_own_units(
    capability, monkeypatch, compute, override, precisions
):
    capability(*compute)
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", override)
    assert precisions_of("GPU:0") == precisions
    assert multiplied_in("fp32", "GPU:0") == ("tf32" if "tf32" in precisions else "fp32")
    assert multiplied_in("bf16", "GPU:0") == "bf16"


def test_float32_is_not_multiplied_in_tf32_where_tensorflow_is_told_not_to(capability):
    capability(9, 0)
    with module._tensor_float_32(enabled=False):
        assert multiplied_in("fp32", "GPU:0") == "fp32"
    assert multiplied_in("fp32", "GPU:0") == "tf32"


@pytest.mark.parametrize(
    ("precision", "allowed"), [("fp32", False), ("tf32", True), ("bf16", False)]
)
def test_tf32_is_on_only_while_it_is_measured(quick, monkeypatch, precision, allowed):
    enabled, seen = tf.config.experimental.tensor_float_32_execution_enabled, []
    real = module.products

    def remembered(*arguments):
        seen.append(enabled())
        return real(*arguments)

    monkeypatch.setattr(module, "products", remembered)
    assert enabled()
    matmul(CPU, precision)
    assert enabled()
    assert set(seen) == {allowed}


@pytest.mark.parametrize("device", ["CPU:0", "GPU:7"])
def test_what_is_no_gpu_here_has_no_capability(device):
    assert module._capability(device) == (0, 0)


@pytest.mark.slow
def test_work_is_done_on_the_device_that_is_named():
    """Two logical CPUs stand for two GPUs."""
    code = """
import json, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
from tlbench.machine import probe_tensorflow_gpu as module
graphs, function = [], tf.function
def remembered(run, **options):
    loop = function(run, **options)
    def call(start, times):
        graphs.append(loop.get_concrete_function(start, times).graph.as_graph_def())
        return loop(start, times)
    return call
tf.function = remembered
for device in ("CPU:0", "CPU:1"):
    module.products(device, "bf16", 8)(2)
    module.additions(device, 8)(2)
def devices(graph):
    steps = [node for body in graph.library.function for node in body.node_def]
    return sorted({node.device[-5:] for node in steps if node.op in ("MatMul", "AddV2")})
print(json.dumps([devices(graph) for graph in graphs]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    places = json.loads(done.stdout.splitlines()[-1])
    assert places == [["CPU:0"], ["CPU:0"], ["CPU:1"], ["CPU:1"]]
