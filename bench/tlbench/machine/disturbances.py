"""In words: what disturbed timed work enough to matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from tlbench.machine.gpu_noise import GpuNoise
    from tlbench.machine.noise_sample import NoiseSample


@dataclass(frozen=True)
class Threshold:
    """From where on something disturbs.

    Attributes:
        name: What is limited, unique in ``THRESHOLDS``.
        value: Reads it from a sample; None where the machine doesn't tell.
        limit: The most that doesn't disturb, in the value's unit.
        reason: Why this limit.
        words: What is said beyond it; ``{}`` stands for the value.
        uncertain: Whether the sample's resolution is granted on top of the limit.
    """

    name: str
    value: Callable[[NoiseSample], float | None]
    limit: float
    reason: str
    words: str
    uncertain: bool = False


@dataclass(frozen=True)
class GpuThreshold:
    """The same for one GPU."""

    name: str
    value: Callable[[GpuNoise], float | None]
    limit: float
    reason: str
    words: str


THRESHOLDS = (
    Threshold(
        "others",
        lambda sample: sample.others,
        0.05,
        "an idle system's own services use 1 to 2 %; 5 % is the least change that gates look for",
        "others used {:.0%} of the CPUs",
        uncertain=True,
    ),
    Threshold(
        "steal",
        lambda sample: sample.steal,
        0.01,
        "time that no process on this machine can have back, and that comes in bursts",
        "the hypervisor stole {:.0%} of the CPUs",
        uncertain=True,
    ),
    Threshold(
        "involuntary",
        # A program's own threads take turns too: only where the machine doesn't tell what others
        # used. And two or three switches, in a round of milliseconds, are no rate.
        lambda sample: (
            (sample.involuntary_per_s or 0) / sample.cpus
            if sample.busy_s is None and (sample.involuntary_switches or 0) >= 10
            else None
        ),
        20,
        "Linux hands the CPU out for 3 ms and more: 20 a second take 6 % of it, or more",
        "{:.0f} involuntary switches/s on each CPU",
    ),
    Threshold(
        "clock",
        lambda sample: None if sample.clock_change is None else -sample.clock_change,
        0.05,
        "a speed falls with the clock; rising clocks only say that the CPU was idle before",
        "the CPU's clock fell by {:.0%}",
    ),
    Threshold(
        "thermal",
        lambda sample: sample.thermal_throttles,
        0,
        "the kernel counts one only where heat really held the clock down",
        "heat held the CPU's clock down {:.0f} times",
    ),
    Threshold(
        "memory",
        lambda sample: sample.memory_pressure,
        0.01,
        "a machine with enough memory never waits for it",
        "memory was short {:.0%} of the time",
    ),
    Threshold(
        "faults",
        lambda sample: sample.major_faults_per_s,
        10,
        "each is a disk read of 0.1 to 10 ms: ten a second take 0.1 to 10 %",
        "{:.0f} pages/s were read from a disk",
    ),
    Threshold(
        "quota",
        lambda sample: sample.cgroup_throttled,
        0.01,
        "work stands still meanwhile",
        "the CPU quota stopped {:.0%} of the CPUs' time",
    ),
)

GPU_THRESHOLDS = (
    GpuThreshold(
        "others",
        lambda gpu: gpu.others,
        0.05,
        "as for the CPUs",
        "others used {:.0%} of it",
    ),
    GpuThreshold(
        "clock",
        lambda gpu: None if gpu.clock_change is None else -gpu.clock_change,
        0.05,
        "as for the CPUs",
        "its clock fell by {:.0%}",
    ),
    GpuThreshold(
        "thermal",
        lambda gpu: gpu.thermal_s,
        0,
        "the driver counts time only where heat really held the clock down",
        "heat held its clock down for {:.2g} s",
    ),
)

#: What GPUs do under any full load, and no disturbance.
USUAL = "power limit"


def disturbances(sample: NoiseSample) -> tuple[str, ...]:
    """What disturbed, such as ``others used 23% of the CPUs``; empty where nothing did.

    Args:
        sample: What was counted; facts that the machine doesn't tell are passed over.
    """
    found = []
    for threshold in THRESHOLDS:
        value = threshold.value(sample)
        limit = threshold.limit + (sample.resolution if threshold.uncertain else 0)
        if value is not None and value > limit:
            found.append(threshold.words.format(value))
    for number, gpu in enumerate(sample.gpus):
        found += [f"GPU {number}: {words}" for words in _of_gpu(gpu)]
    return tuple(found)


def _of_gpu(gpu: GpuNoise) -> list[str]:
    found = []
    for threshold in GPU_THRESHOLDS:
        value = threshold.value(gpu)
        if value is not None and value > threshold.limit:
            found.append(threshold.words.format(value))
    held = [words for words in gpu.throttle or () if words != USUAL]
    return found + ([f"clock held down by {', '.join(held)}"] if held else [])
