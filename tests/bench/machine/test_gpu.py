"""NVIDIA GPUs are read through NVML, and what one doesn't support is None."""

# ruff: noqa: N802 - the fake has the real functions' names

import os
from types import SimpleNamespace

import pytest

from tlbench.machine.fingerprint import fingerprint
from tlbench.machine.gpu import REASONS, GpuReader, gpu_facts, has_driver, open_nvml, own_pid
from tlbench.machine.noise import NoiseMeter
from tlbench.timing.energy import EnergyMeter


class FakeNvml:
    """Stands for pynvml on a machine with two GPUs, of which the second supports little."""

    NVML_CLOCK_SM, NVML_TEMPERATURE_GPU, NVML_ERROR_NOT_FOUND = 1, 0, 6
    NVML_PERF_POLICY_POWER, NVML_PERF_POLICY_THERMAL = 0, 1

    class NVMLError(Exception):
        def __init__(self, value):
            self.value = value

    def __init__(self):
        self.clock, self.bits, self.energy, self.thermal = 1980, 0x1 | 0x4, 5_000_000, 0
        self.processes = [(os.getpid(), 70), (1, 30)]

    def _only_first(self, handle):
        if handle == "gpu1":
            raise self.NVMLError(3)

    def nvmlInit(self):
        pass

    def nvmlDeviceGetCount(self):
        return 2

    def nvmlDeviceGetHandleByIndex(self, number):
        return f"gpu{number}"

    def nvmlDeviceGetName(self, handle):
        return b"NVIDIA H100" if handle == "gpu0" else "NVIDIA T4"

    def nvmlDeviceGetMemoryInfo(self, handle):
        return SimpleNamespace(total=80 * 2**30)

    def nvmlSystemGetDriverVersion(self):
        return "570.10"

    def nvmlDeviceGetClockInfo(self, handle, kind):
        return self.clock

    def nvmlDeviceGetTemperature(self, handle, sensor):
        return 61

    def nvmlDeviceGetPowerUsage(self, handle):
        self._only_first(handle)
        return 412_500

    def nvmlDeviceGetCurrentClocksThrottleReasons(self, handle):
        self._only_first(handle)
        return self.bits

    def nvmlDeviceGetViolationStatus(self, handle, policy):
        self._only_first(handle)
        return SimpleNamespace(violationTime=self.thermal if policy == 1 else 2_000_000_000)

    def nvmlDeviceGetTotalEnergyConsumption(self, handle):
        self._only_first(handle)
        return self.energy

    def nvmlDeviceGetProcessUtilization(self, handle, since_us):
        if not self.processes:
            raise self.NVMLError(self.NVML_ERROR_NOT_FOUND)
        return [SimpleNamespace(pid=pid, smUtil=used) for pid, used in self.processes]


def test_the_fake_has_names_and_numbers_of_the_real_module():
    real = pytest.importorskip("pynvml")
    for name in (name for name in vars(FakeNvml) if name.startswith(("nvml", "NVML_"))):
        assert hasattr(real, name)
        if name.startswith("NVML_"):
            assert getattr(FakeNvml, name) == getattr(real, name)
    assert set(REASONS) == {
        real.nvmlClocksThrottleReasonSwPowerCap,
        real.nvmlClocksThrottleReasonHwSlowdown,
        real.nvmlClocksThrottleReasonSwThermalSlowdown,
        real.nvmlClocksThrottleReasonHwThermalSlowdown,
        real.nvmlClocksThrottleReasonHwPowerBrakeSlowdown,
    }


@pytest.fixture
def nvml():
    return FakeNvml()


def test_gpus_are_named_with_memory_and_driver(nvml):
    assert gpu_facts(nvml) == {
        "gpus": ["NVIDIA H100", "NVIDIA T4"],
        "gpu_memory_bytes": [80 * 2**30] * 2,
        "gpu_driver": "570.10",
    }


def test_the_drivers_files_name_gpus_where_nvml_is_not_installed(tree):
    root = tree({
        "proc/driver/nvidia/gpus/0000:01:00.0/information": "Model: \t NVIDIA A10\nIRQ: 5",
        "proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Module  550.54.14  Thu",
    })  # fmt: skip
    facts = gpu_facts(None, root)
    assert (facts["gpus"], facts["gpu_driver"]) == (["NVIDIA A10"], "550.54.14")


def test_a_driver_that_tells_no_gpus_leaves_them_unknown(tree, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    assert gpu_facts(None, tree())["gpus"] == []
    assert gpu_facts(None, tree({"dev/dxg": ""}))["gpus"] is None


def test_without_a_driver_nvml_is_not_even_imported(tree, monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("importlib.import_module", pytest.fail)
    assert open_nvml(tree()) is None


@pytest.mark.parametrize("problem", ["not installed", "no driver answers"])
def test_a_driver_that_nvml_cannot_reach_is_none(tree, monkeypatch, nvml, problem):
    def load(name):
        if problem == "not installed":
            raise ImportError(name)
        nvml.nvmlInit = lambda: nvml._only_first("gpu1")
        return nvml

    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("importlib.import_module", load)
    assert has_driver(tree({"proc/driver/nvidia/version": ""}))
    assert open_nvml(tree()) is None


def test_a_fingerprint_names_gpus_and_the_cuda_that_tensorflow_was_built_for(nvml, monkeypatch):
    monkeypatch.setattr("tlbench.machine.fingerprint.open_nvml", lambda root: nvml)
    monkeypatch.setattr(
        "tlbench.machine.fingerprint.cuda_build", lambda: {"cuda": "12.5", "cudnn": "9"}
    )
    facts = fingerprint()
    assert facts["gpus"] == ["NVIDIA H100", "NVIDIA T4"]
    assert (facts["cuda"], facts["cudnn"], facts["gpu_driver"]) == ("12.5", "9", "570.10")


def test_the_cuda_version_is_tensorflows_own():
    tf = pytest.importorskip("tensorflow")
    from tlbench.machine.software import cuda_build

    told = tf.sysconfig.get_build_info()
    expected = {"cuda": told.get("cuda_version"), "cudnn": told.get("cudnn_version")}
    assert cuda_build() == expected


def test_a_gpus_state_has_its_units_and_what_is_unsupported_is_none(nvml):
    first, second = GpuReader(nvml, own_pid=os.getpid()).read()
    assert (first.clock_mhz, first.temperature_c, first.power_w) == (1980, 61, 412.5)
    assert first.throttle == ("power limit",)
    assert (first.power_capped_s, first.energy_j) == (2.0, 5000.0)
    assert first.others == pytest.approx(0.3)
    assert (second.power_w, second.throttle, second.thermal_s, second.energy_j) == (None,) * 4


@pytest.mark.parametrize(
    ("processes", "pid", "others"),
    [([], 5, 0.0), ([(5, 90)], 5, 0.0), ([(5, 90), (6, 8)], 5, 0.08), ([(5, 90)], None, None)],
    ids=["nobody", "only this one", "another", "unknown to the driver"],
)
def test_use_by_others_needs_to_know_oneself(nvml, processes, pid, others):
    nvml.processes = processes
    assert GpuReader(nvml, own_pid=pid).read()[0].others == others


def test_a_process_in_a_container_does_not_know_itself_as_the_driver_does(tree):
    assert own_pid(tree({"proc/self/ns/pid": ""})) is None


def test_a_meter_tells_what_happened_to_gpus(nvml, tree):
    meter = NoiseMeter(tree(), GpuReader(nvml, own_pid=os.getpid()))
    meter.start()
    nvml.clock, nvml.bits, nvml.thermal = 990, 0x40, 1_500_000_000
    first, second = meter.stop().gpus
    assert first.clock_change == -0.5
    assert first.throttle == ("power limit", "heat (hardware)")
    assert first.thermal_s == 1.5
    assert (first.power_capped_s, second.power_capped_s) == (0, None)


# --- energy ---

RAPL = "sys/class/powercap/intel-rapl:{}/{}"


def zone(number, name, energy, highest=262143328850):
    return {
        RAPL.format(number, "name"): name,
        RAPL.format(number, "energy_uj"): energy,
        RAPL.format(number, "max_energy_range_uj"): highest,
    }


def measured(tree, before, after, reader=None):
    meter = EnergyMeter(tree(before), reader or GpuReader(None))
    meter.start()
    tree(after)
    return meter.stop()


@pytest.mark.parametrize(
    ("before", "after", "joules"),
    [
        (zone("0", "package-0", 1_000_000), zone("0", "package-0", 3_500_000), 2.5),
        (zone("0", "package-0", 900, 1000), zone("0", "package-0", 100, 1000), 200e-6),
        (zone("0", "package-0", 0) | zone("1", "package-1", 0),
         zone("0", "package-0", 10**6) | zone("1", "package-1", 10**6), 2.0),
        # psys holds the packages: counting it too would count them twice.
        (zone("0", "package-0", 0) | zone("1", "psys", 0),
         zone("0", "package-0", 10**6) | zone("1", "psys", 9 * 10**6), 1.0),
        (zone("0", "package-0", "secret"), {}, None),
        ({}, {}, None),
    ],
    ids=["one socket", "wrapped around", "two sockets", "psys", "unreadable", "absent"],
)  # fmt: skip
def test_joules_of_the_sockets_are_added(tree, before, after, joules):
    sample = measured(tree, before, after)
    assert sample.cpu_j == (None if joules is None else pytest.approx(joules))
    assert sample.total_j == sample.cpu_j


def test_memory_is_told_apart(tree):
    before = zone("0", "package-0", 0) | zone("0/intel-rapl:0:1", "dram", 0)
    after = zone("0", "package-0", 10**6) | zone("0/intel-rapl:0:1", "dram", 5 * 10**5)
    sample = measured(tree, before, after)
    assert (sample.cpu_j, sample.memory_j, sample.total_j) == (1.0, 0.5, 1.5)


def test_gpus_that_all_count_energy_are_added(tree, nvml):
    nvml.nvmlDeviceGetCount = lambda: 1
    meter = EnergyMeter(tree(), GpuReader(nvml))
    meter.start()
    nvml.energy += 7500
    assert meter.stop().gpu_j == pytest.approx(7.5)


class Seconds:
    """Time that passes only in sleep, in which the first GPU uses 70 W and a socket 20 W."""

    def __init__(self, monkeypatch, nvml, zone_file=None):
        self.now, self.nvml, self.zone_file = 0.0, nvml, zone_file
        monkeypatch.setattr("tlbench.timing.energy.time", self)

    def perf_counter(self):
        return self.now

    def sleep(self, seconds):
        self.now += seconds
        self.nvml.energy += 70_000 * seconds
        if self.zone_file:
            self.zone_file.write_text(str(int(self.zone_file.read_text()) + int(2e7 * seconds)))


def test_what_the_idle_machine_uses_is_known_for_each_interval(tree, nvml, monkeypatch):
    """70 W idle; then 2 s at 300 W, of which 140 J are idle."""
    nvml.nvmlDeviceGetCount = lambda: 1
    clock = Seconds(monkeypatch, nvml)
    meter = EnergyMeter(tree(), GpuReader(nvml))
    meter.measure_idle(1.5)
    meter.start()
    clock.now += 2.0
    nvml.energy += 600_000
    sample = meter.stop()
    assert (sample.seconds, sample.total_j) == (2.0, pytest.approx(600))
    assert (sample.idle_w, sample.idle_j) == (pytest.approx(70), pytest.approx(140))
    assert sample.source == "NVML"


def test_idle_power_is_of_the_same_counters_as_the_energy(tree, nvml, monkeypatch):
    nvml.nvmlDeviceGetCount = lambda: 1
    root = tree(zone("0", "package-0", 0))
    file = root / RAPL.format("0", "energy_uj")
    clock = Seconds(monkeypatch, nvml, file)
    meter = EnergyMeter(root, GpuReader(nvml))
    meter.measure_idle()
    meter.start()
    clock.sleep(1)
    both = meter.stop()
    assert (both.source, both.idle_w) == ("RAPL (CPU), NVML", pytest.approx(90))
    meter.start()
    clock.sleep(1)
    file.write_text("secret")
    one = meter.stop()
    assert (one.source, one.total_j) == ("NVML", pytest.approx(70))
    assert (one.idle_w, one.idle_j) == (None, None)


def test_without_counters_nobody_waits_for_the_idle_power(tree, monkeypatch):
    monkeypatch.setattr("tlbench.timing.energy.time.sleep", pytest.fail)
    meter = EnergyMeter(tree(), GpuReader(None))
    meter.measure_idle()
    meter.start()
    sample = meter.stop()
    assert (sample.source, sample.total_j, sample.idle_w) == (None, None, None)


def test_energy_alone_is_what_the_whole_state_says(nvml):
    reader = GpuReader(nvml)
    assert reader.energy_j() == tuple(each.energy_j for each in reader.read()) == (5000.0, None)


def test_a_gpu_that_does_not_count_leaves_the_sum_unknown(tree, nvml):
    assert measured(tree, {}, {}, GpuReader(nvml)).gpu_j is None


def test_an_energy_meter_needs_a_start(tree):
    with pytest.raises(RuntimeError, match="expected start before"):
        EnergyMeter(tree()).stop()
