"""What disturbs timed work is counted, told in words, and never made up."""

import json
from dataclasses import replace

import pytest

from tlbench.machine.disturbances import GPU_THRESHOLDS, THRESHOLDS, disturbances
from tlbench.machine.gpu_noise import GpuNoise
from tlbench.machine.noise import NoiseMeter
from tlbench.machine.noise_sample import NoiseSample, sample_of, sum_samples

CPU = "sys/devices/system/cpu/cpu"
TOLD = ("busy_s", "steal_s", "thermal_throttles", "pressure_s", "throttled_times", "throttled_s",
        "clock_before_mhz", "clock_after_mhz", "clock_lowest_mhz")  # fmt: skip


def stat(*cpus):
    """/proc/stat; each CPU's columns: user nice system idle iowait irq softirq steal guest nice."""
    lines = [f"cpu{number} " + " ".join(map(str, columns)) for number, columns in enumerate(cpus)]
    return "\n".join(["cpu 9 9 9 9 9 9 9 9 9 9", *lines, "intr 1 2 3", "cpu9 is no CPU here"])


def machine(step):
    """Counters of a machine with three CPUs, before (0) and after (1) an interval."""
    return {
        "proc/stat": stat(
            (9 + 30 * step, 5 + step, 10 + 2 * step, 70, 5, 3 + step, step, 7 + 4 * step, step, 0),
            (100 + 10 * step, 5, 10, 700, 50, 3, 0, 7, 0, 0),
            (100 + 500 * step, 5, 10, 700, 50, 3, 0, 7, 0, 0),
        ),
        "proc/pressure/memory": f"some avg10=0.00 total={1000 + 250000 * step}\nfull total=5",
        "proc/self/cgroup": "0::/",
        "sys/fs/cgroup/cpu.stat": f"nr_throttled {3 + 2 * step}\nthrottled_usec {100000 * step}",
        f"{CPU}0/cpufreq/scaling_cur_freq": 3000000 - 600000 * step,
        f"{CPU}1/cpufreq/scaling_cur_freq": 3200000 - 600000 * step,
        f"{CPU}0/thermal_throttle/core_throttle_count": 4 + step,
        f"{CPU}1/thermal_throttle/package_throttle_count": 7 + step,
    }  # fmt: skip


@pytest.fixture
def meter(tree, monkeypatch):
    """A meter on CPUs 0 and 1 of the machine, before the interval."""
    monkeypatch.setattr("tlbench.machine.noise.allowed_cpus", lambda: (0, 1))
    monkeypatch.setattr("os.sysconf", lambda name: 100)
    made = NoiseMeter(tree(machine(0)))
    made.start()
    return made


def test_the_counters_of_the_allowed_cpus_only_are_compared(meter, tree):
    tree(machine(1))
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


def test_what_a_machine_does_not_tell_is_none(tree):
    meter = NoiseMeter(tree())
    meter.start()
    sample = meter.stop()
    assert all(getattr(sample, name) is None for name in TOLD)
    assert (sample.others, sample.steal, sample.clock_change, sample.gpus) == (None,) * 3 + ((),)
    assert disturbances(sample) == ()


def test_zeros_of_a_sandbox_are_not_taken_for_counts(tree):
    meter = NoiseMeter(tree({"proc/stat": stat(*[(0,) * 10] * 64)}))
    meter.start()
    assert meter.stop().busy_s is None


@pytest.mark.parametrize(("flags", "told"), [("avx2 aperfmperf", 2000.5), ("avx2", None)])
def test_a_nominal_clock_is_not_taken_for_a_measured_one(tree, monkeypatch, flags, told):
    monkeypatch.setattr("tlbench.machine.noise.allowed_cpus", lambda: (1,))
    text = f"processor : 0\ncpu MHz : 900\n\nprocessor : 1\ncpu MHz : 2000.5\nflags : {flags}"
    meter = NoiseMeter(tree({"proc/cpuinfo": text}))
    meter.start()
    assert meter.stop().clock_after_mhz == told


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
        ({"busy_s": 23.6}, ("others used 23% of the CPUs",)),
        ({"steal_s": 0.8}, ("the hypervisor stole 4% of the CPUs",)),
        ({"involuntary_switches": 6240}, ()),
        ({"involuntary_switches": 6240, "busy_s": None},
         ("312 involuntary switches/s on each CPU",)),
        ({"clock_after_mhz": 2700}, ("the CPU's clock fell by 10%",)),
        ({"clock_before_mhz": 800}, ()),
        ({"thermal_throttles": 2}, ("heat held the CPU's clock down 2 times",)),
        ({"pressure_s": 3}, ("memory was short 30% of the time",)),
        ({"major_faults": 500}, ("50 pages/s were read from a disk",)),
        ({"throttled_s": 4}, ("the CPU quota stopped 20% of the CPUs' time",)),
        ({"gpus": (GPU,)}, ()),
        ({"gpus": (GPU, replace(GPU, others=0.5))}, ("GPU 1: others used 50% of it",)),
        ({"gpus": (replace(GPU, clock_after_mhz=990),)}, ("GPU 0: its clock fell by 50%",)),
        ({"gpus": (replace(GPU, thermal_s=1.5),)},
         ("GPU 0: heat held its clock down for 1.5 s",)),
        ({"gpus": (replace(GPU, throttle=("power limit", "heat (software)")),)},
         ("GPU 0: clock held down by heat (software)",)),
        ({"busy_s": 29, "steal_s": 1},
         ("others used 50% of the CPUs", "the hypervisor stole 5% of the CPUs")),
    ],
)  # fmt: skip
def test_what_disturbed_is_said_in_words(change, words):
    assert disturbances(replace(QUIET, **change)) == words


def test_every_threshold_says_why_it_is_there():
    assert all(len(each.reason) > 10 for each in (*THRESHOLDS, *GPU_THRESHOLDS))
    assert len({each.name for each in THRESHOLDS}) == len(THRESHOLDS)


def test_an_interval_too_short_to_count_in_ticks_has_no_share():
    short = NoiseSample(wall_s=0.05, cpus=2, own_cpu_s=0.05, busy_s=0.1, steal_s=0.01)
    assert (short.others, short.steal) == (None, None)


def test_rounding_to_ticks_is_not_taken_for_others():
    # 0.2 s hold 20 ticks a CPU: one at either end is 10 %.
    sample = NoiseSample(wall_s=0.2, cpus=1, own_cpu_s=0.18, busy_s=0.2)
    assert sample.others == pytest.approx(0.1)
    assert disturbances(sample) == ()
    assert disturbances(replace(sample, own_cpu_s=0.15)) == ("others used 25% of the CPUs",)


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
    assert sample_of(json.loads(json.dumps(sample.as_dict()))) == sample


@pytest.mark.parametrize(
    "told",
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
def test_what_is_no_sample_is_none(told):
    assert sample_of(told) is None


@pytest.mark.parametrize("gpu", ["GPU", {"others": "all"}, {"clock_before_mhz": [1]}], ids=str)
def test_what_is_no_gpu_is_left_out(gpu):
    found = sample_of({"wall_s": 1.0, "cpus": 2, "gpus": [gpu, {"others": 0.5}]})
    assert [each.others for each in found.gpus] == [0.5]
