"""A run's peaks are those of its own GPUs in its own precision."""

from types import SimpleNamespace

import pytest

from tl_core.devices import Devices
from tlbench.machine.gpu_probes import GpuProbe
from tlbench.machine.probes import PATIENCE_S, ProbeError
from tlbench.suite import conftest
from tlbench.suite import gpu_peaks as module
from tlbench.suite.gpu_peaks import Peaks, gpu_peaks, probe_gpus


@pytest.fixture
def two_gpus(monkeypatch):
    """Two GPUs, the second one half as fast; sets what they multiply a network's precision in."""

    def rate(device, full):
        return SimpleNamespace(best=full / (1 + int(device[-1])))

    def computing_in(precision):
        monkeypatch.setattr(
            module, "select_devices", lambda spec: Devices(spec, ("GPU:0", "GPU:1"))
        )
        monkeypatch.setattr(module, "multiplied_in", lambda own, device: precision)
        monkeypatch.setattr(module, "bandwidth", lambda device: rate(device, 3000.0))
        speeds = {"tf32": 400_000.0, "bf16": 800_000.0}
        monkeypatch.setattr(module, "matmul", lambda device, each: rate(device, speeds[each]))

    return computing_in


@pytest.mark.parametrize(
    ("own", "computed", "peaks"),
    [
        ("fp32", "tf32", (600_000.0, "tf32", 4500.0)),
        ("bf16", "bf16", (1_200_000.0, "bf16", 4500.0)),
    ],
)
def test_peaks_of_several_gpus_are_added(two_gpus, own, computed, peaks):
    two_gpus(computed)
    assert gpu_peaks("gpu", own) == Peaks(*peaks)


def test_probes_of_all_gpus_come_from_another_process(monkeypatch):
    calls = []

    def in_process(arguments, what, patience_s):
        calls.append((arguments, patience_s))
        probe = {"kind": "matmul", "precision": "bf16", "device": "GPU:0", "best": 2.0,
                 "median": 1.0, "n": 3, "size": 8192, "throttled": None}  # fmt: skip
        return [probe, probe | {"device": "GPU:1"}]

    monkeypatch.setattr(module, "in_process", in_process)
    monkeypatch.setattr(module, "find_spec", lambda name: name)
    first, second = probe_gpus(2)
    assert first == GpuProbe("matmul", "bf16", "GPU:0", 2.0, 1.0, 3, 8192, None)
    assert second.device == "GPU:1"
    assert calls == [(["tlbench.suite.gpu_peaks", "gpu"], 2 * PATIENCE_S)]


def test_the_other_process_prints_what_is_read(two_gpus, monkeypatch, capsys):
    two_gpus("tf32")
    probe = GpuProbe("bandwidth", None, "GPU:0", 2.0, 1.0, 3, 2**30, ("GPU 0: x",))
    monkeypatch.setattr(module, "probe_gpu", lambda device: (probe,))
    module._print_probes("gpu")
    printed = module.json.loads(capsys.readouterr().out)
    assert [GpuProbe(**each | {"throttled": tuple(each["throttled"])}) for each in printed] == [
        probe, probe,
    ]  # fmt: skip


def test_without_tensorflow_gpus_are_not_measured(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(ProbeError, match=r"TensorFlow is not installed; expected the \[gpu\]"):
        probe_gpus(1)


@pytest.mark.slow
def test_a_machine_whose_gpu_tensorflow_does_not_see_is_told_so():
    tf = pytest.importorskip("tensorflow")
    if tf.config.list_physical_devices("GPU"):
        pytest.skip("TensorFlow sees a GPU here")
    with pytest.raises(ProbeError, match=r"GPUs: .*TensorFlow sees no GPU"):
        probe_gpus(1)


@pytest.mark.parametrize(("device", "watched"), [("cpu", False), ("gpu", True), ("gpu:1", True)])
def test_clocks_of_gpus_matter_to_jobs_on_gpus_only(device, watched):
    suite = SimpleNamespace(workload=SimpleNamespace(device=device))
    instruments = conftest.instruments._get_wrapped_function()(suite)
    assert (instruments.throttling is not None) == watched
    assert instruments.meter
    assert instruments.energy


@pytest.mark.parametrize("takes_turns", [False, True], ids=["alone", "in a gate, without meters"])
def test_idle_power_is_measured_before_anything_is_loaded(monkeypatch, takes_turns):
    steps = []
    for name in ("open_data", "check_data", "load_workload"):
        monkeypatch.setattr(conftest, name, lambda *_, name=name, **__: steps.append(name))
    energy = SimpleNamespace(measure_idle=lambda: steps.append("idle"))
    suite = SimpleNamespace(workload=None, takes_turns=takes_turns, download=False, say=print)
    list(conftest.workload._get_wrapped_function()(suite, SimpleNamespace(energy=energy)))
    assert steps == ["idle"] * (not takes_turns) + ["open_data", "check_data", "load_workload"]
