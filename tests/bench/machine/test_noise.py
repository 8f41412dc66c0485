"""What disturbs timed work is counted, told in words, and never made up."""

import json
from types import SimpleNamespace
from typing import NamedTuple

import msgspec
import pytest
from msgspec.structs import replace

from tlbench.machine.counters import ClockReader
from tlbench.machine.disturbances import disturbances, throttling
from tlbench.machine.noise import NoiseMeter
from tlbench.machine.noise_sample import GpuNoise, NoiseSample, sum_samples

CPU = "sys/devices/system/cpu/cpu"
COUNTED = ("busy_s", "steal_s", "thermal_throttles", "pressure_s", "throttled_times", "throttled_s",
        "clock_before_mhz", "clock_after_mhz", "clock_lowest_mhz")  # fmt: skip


class Times(NamedTuple):
    """As psutil's on Linux."""

    user: float
    nice: float
    system: float
    idle: float
    iowait: float
    irq: float
    softirq: float
    steal: float
    guest: float


class Machine:
    """Stands for psutil on a machine with three CPUs, before (0) and after (1) an interval."""

    step = 0

    def cpu_times(self, *, percpu):
        assert percpu
        step = self.step
        hundredths = (
            (9 + 30 * step, 5 + step, 10 + 2 * step, 70, 5, 3 + step, step, 7 + 4 * step, step),
            (100 + 10 * step, 5, 10, 700, 50, 3, 0, 7, 0),
            (100 + 500 * step, 5, 10, 700, 50, 3, 0, 7, 0),
        )
        return [Times(*(value / 100 for value in cpu)) for cpu in hundredths]

    def cpu_freq(self, *, percpu):
        assert percpu
        return [SimpleNamespace(current=mhz - 600 * self.step) for mhz in (3000, 3200, 1000)]


@pytest.fixture
def fake(monkeypatch):
    """The machine's CPU times and clocks by psutil."""
    machine = Machine()
    monkeypatch.setattr("psutil.cpu_times", machine.cpu_times)
    monkeypatch.setattr("psutil.cpu_freq", machine.cpu_freq)
    return machine


def files(step):
    """What psutil doesn't read, of the same machine."""
    return {
        "proc/pressure/memory": f"some avg10=0.00 total={1000 + 250000 * step}\nfull total=5",
        "proc/self/cgroup": "0::/",
        "sys/fs/cgroup/cpu.stat": f"nr_throttled {3 + 2 * step}\nthrottled_usec {100000 * step}",
        f"{CPU}0/cpufreq/scaling_cur_freq": "psutil reads it",
        f"{CPU}0/thermal_throttle/core_throttle_count": 4 + step,
        f"{CPU}1/thermal_throttle/package_throttle_count": 7 + step,
    }  # fmt: skip


@pytest.fixture
def meter(tree, monkeypatch, fake):
    """A meter on CPUs 0 and 1 of the machine, before the interval."""
    monkeypatch.setattr("tlbench.machine.noise.allowed_cpus", lambda: (0, 1))
    meter = NoiseMeter(tree(files(0)))
    meter.start()
    return meter


def test_the_counters_of_the_allowed_cpus_only_are_compared(meter, tree, fake):
    tree(files(1))
    fake.step = 1
    sample = meter.stop()
    assert sample.cpus == 2
    # user 30 + nice 1 + system 2 + irq 1 + softirq 1 of CPU 0, user 10 of CPU 1, in hundredths.
    assert sample.busy_s == pytest.approx(0.45)
    assert sample.steal_s == pytest.approx(0.04)
    assert sample.pressure_s == pytest.approx(0.25)
    assert (sample.throttled_times, sample.throttled_s) == (2, pytest.approx(0.1))
    assert sample.thermal_throttles == 2
    assert (sample.clock_before_mhz, sample.clock_after_mhz) == (3100, 2500)
    assert sample.clock_lowest_mhz == 2400
    assert sample.clock_change == pytest.approx(-6 / 31)


def absent(**_):
    raise FileNotFoundError("/proc/stat")


def test_what_a_machine_does_not_tell_is_none(tree, monkeypatch):
    monkeypatch.setattr("psutil.cpu_times", absent)
    meter = NoiseMeter(tree())
    meter.start()
    sample = meter.stop()
    assert all(getattr(sample, name) is None for name in COUNTED)
    assert (sample.others, sample.steal, sample.clock_change, sample.gpus) == (None,) * 3 + ((),)
    assert disturbances(sample) == ()


@pytest.mark.parametrize("cpus", [64, 0], ids=["zeros of a sandbox", "fewer CPUs than numbers"])
def test_cpu_times_that_are_no_counts_are_not_taken_for_some(tree, monkeypatch, cpus):
    monkeypatch.setattr("psutil.cpu_times", lambda **_: [Times(*[0] * 9)] * cpus)
    meter = NoiseMeter(tree())
    meter.start()
    assert meter.stop().busy_s is None


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(("flags", "mhz"), [("avx2 aperfmperf", 3200), ("avx2", None)])
def test_a_nominal_clock_is_not_taken_for_a_measured_one(tree, monkeypatch, flags, mhz):
    monkeypatch.setattr("tlbench.machine.noise.allowed_cpus", lambda: (1,))
    meter = NoiseMeter(tree({"proc/cpuinfo": f"processor : 0\nflags : {flags}"}))
    meter.start()
    assert meter.stop().clock_after_mhz == mhz


@pytest.mark.usefixtures("fake")
def test_cpus_that_share_clocks_have_the_median_of_all_clocks(tree):
    reader = ClockReader([6, 7], tree({f"{CPU}0/cpufreq/scaling_cur_freq": ""}))
    assert reader.read() == (3000, 3200, 1000)


def test_own_work_is_counted_on_this_machine():
    meter = NoiseMeter()
    meter.start()
    total = sum(range(3_000_000))
    sample = meter.stop()
    assert total
    assert 0 < sample.own_cpu_s <= sample.wall_s * 1.5
    assert sample.involuntary_switches >= 0
    json.dumps(sample.as_dict())


def test_a_meter_can_be_used_again_but_not_stopped_twice():
    meter = NoiseMeter()
    for _ in range(2):
        meter.start()
        assert meter.stop().wall_s > 0
    with pytest.raises(RuntimeError, match="expected start before"):
        meter.stop()


QUIET = NoiseSample(
    wall_s=10, cpus=2, own_cpu_s=19, busy_s=19.2, steal_s=0, involuntary_switches=40,
    voluntary_switches=10**6, major_faults=0, clock_before_mhz=3000, clock_after_mhz=2990,
    clock_lowest_mhz=2990, thermal_throttles=0, pressure_s=0, throttled_times=0, throttled_s=0,
)  # fmt: skip
GPU = GpuNoise(1980, 1980, 60, 400, ("power limit",), 0, 9, 0)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({}, ()),
        ({"busy_s": 23.6}, ("others used 23 % of the CPUs",)),
        ({"steal_s": 0.8}, ("the hypervisor stole 4 % of the CPUs",)),
        ({"involuntary_switches": 6240}, ()),
        ({"involuntary_switches": 6240, "busy_s": None},
         ("312 involuntary switches/s on each CPU",)),
        ({"clock_after_mhz": 2700}, ("the CPU's clock fell by 10 %",)),
        ({"clock_before_mhz": 800}, ()),
        ({"thermal_throttles": 2}, ("heat held the CPU's clock down 2 times",)),
        ({"pressure_s": 3}, ("memory was short 30 % of the time",)),
        ({"major_faults": 500}, ("50 pages/s were read from a disk",)),
        ({"throttled_s": 4}, ("the CPU quota stopped 20 % of the CPUs' time",)),
        ({"gpus": (GPU,)}, ()),
        ({"gpus": (GPU, replace(GPU, others=0.5))}, ("GPU 1: others used 50 % of it",)),
        ({"gpus": (replace(GPU, clock_after_mhz=990),)}, ("GPU 0: its clock fell by 50 %",)),
        ({"gpus": (replace(GPU, thermal_s=1.5),)},
         ("GPU 0: heat held its clock down for 1.5 s",)),
        ({"gpus": (replace(GPU, throttle=("power limit", "heat (software)")),)},
         ("GPU 0: clock held down by heat (software)",)),
        ({"busy_s": 29, "steal_s": 1},
         ("others used 50 % of the CPUs", "the hypervisor stole 5 % of the CPUs")),
    ],
)  # fmt: skip
def test_what_disturbed_is_said_in_words(change, words):
    assert disturbances(replace(QUIET, **change)) == words


@pytest.mark.parametrize(
    ("gpus", "held"),
    [
        ((), None),
        ((GpuNoise(temperature_c=60),), None),
        ((replace(GPU, throttle=(), power_capped_s=0),), ()),
        ((replace(GPU, throttle=()),), ("GPU 0: clock held down by power limit",)),
        ((replace(GPU, throttle=(), power_capped_s=0.05),), ()),
        ((replace(GPU, throttle=(), power_capped_s=None, thermal_s=0.2),),
         ("GPU 0: clock held down by heat",)),
        ((replace(GPU, throttle=("heat (software)",), power_capped_s=0, thermal_s=9),),
         ("GPU 0: clock held down by heat (software)",)),
        ((replace(GPU, throttle=("power brake",)),),
         ("GPU 0: clock held down by power brake, power limit",)),
        ((replace(GPU, throttle=(), power_capped_s=0), replace(GPU, throttle=None)),
         ("GPU 1: clock held down by power limit",)),
    ],
    ids=[
        "no GPU", "one that says nothing", "free", "power by seconds", "for a moment",
        "heat by seconds", "heat by both", "two reasons", "the second",
    ],
)  # fmt: skip
def test_heat_and_power_hold_a_clock_down_by_nvmls_reasons_or_seconds(gpus, held):
    """``QUIET`` is of 10 s."""
    assert throttling(replace(QUIET, gpus=gpus)) == held


def test_an_interval_too_short_to_count_in_ticks_has_no_share():
    short = NoiseSample(wall_s=0.05, cpus=2, own_cpu_s=0.05, busy_s=0.1, steal_s=0.01)
    assert (short.others, short.steal) == (None, None)


def test_rounding_to_ticks_is_not_taken_for_others():
    # 0.2 s hold 20 ticks a CPU: one at either end is 10 %.
    sample = NoiseSample(wall_s=0.2, cpus=1, own_cpu_s=0.18, busy_s=0.2)
    assert sample.others == pytest.approx(0.1)
    assert disturbances(sample) == ()
    assert disturbances(replace(sample, own_cpu_s=0.15)) == ("others used 25 % of the CPUs",)


def test_a_few_switches_in_a_short_round_are_no_rate():
    assert disturbances(NoiseSample(wall_s=0.01, cpus=1, involuntary_switches=3)) == ()


def test_rounds_are_summed_into_one_sample_that_can_tell_more():
    short = NoiseSample(
        wall_s=0.05, cpus=2, own_cpu_s=0.05, busy_s=0.08, involuntary_switches=1,
        clock_before_mhz=3000, clock_after_mhz=2000, clock_lowest_mhz=1900, gpus=(GPU,),
    )  # fmt: skip
    last = replace(short, clock_before_mhz=2000, clock_lowest_mhz=1800)
    summed = sum_samples([short] * 99 + [last])
    assert summed.wall_s == pytest.approx(5)
    assert summed.others == pytest.approx(0.3)
    assert summed.resolution == pytest.approx(2 * 0.01 * 10 / 5)
    assert summed.involuntary_switches == 100
    assert summed.clock_before_mhz == pytest.approx(2990)
    assert summed.clock_lowest_mhz == 1800
    assert summed.steal_s is None
    assert summed.gpus[0].thermal_s == 0
    assert summed.gpus[0].power_capped_s == 900
    assert sum_samples([]) is None


HOT = GpuNoise(1_500.0, 1_200.0, 60.0, 250.0, ("heat",), 0.5, None, 0.25)


@pytest.mark.parametrize(
    "sample",
    [
        NoiseSample(wall_s=1.0, cpus=2),
        NoiseSample(wall_s=2.0, cpus=3, own_cpu_s=1.0, busy_s=1.5, major_faults=3, gpus=(HOT,)),
    ],
    ids=["bare", "gpu"],
)
def test_a_sample_is_read_as_it_was_written(sample):
    stored = json.dumps(sample.as_dict())
    assert msgspec.json.decode(stored, type=NoiseSample) == sample


@pytest.mark.parametrize(
    "stored",
    [
        None,
        "noise",
        [],
        {},
        {"wall_s": 1.0},
        {"wall_s": 0.0, "cpus": 2},
        {"wall_s": "1", "cpus": 2},
        {"wall_s": 1.0, "cpus": True},
        {"wall_s": 1.0, "cpus": 2, "busy_s": "<b>"},
        {"wall_s": 1.0, "cpus": 2, "intervals": -1},
        {"wall_s": float("nan"), "cpus": 2},
    ],
    ids=str,
)
def test_what_is_no_sample_is_refused(stored):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(stored, NoiseSample)


@pytest.mark.parametrize("gpu", ["GPU", {"others": "all"}, {"clock_before_mhz": [1]}], ids=str)
def test_what_is_no_gpu_is_refused(gpu):
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"wall_s": 1.0, "cpus": 2, "gpus": [gpu, {"others": 0.5}]}, NoiseSample)
