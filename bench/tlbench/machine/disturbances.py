"""In words: what disturbed timed work enough to matter."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tlbench.machine.noise_sample import GpuNoise, NoiseSample

Noise = TypeVar("Noise")


@dataclass(frozen=True)
class Threshold(Generic[Noise]):
    """From where on something disturbs.

    Attributes:
        value: Reads it; None where the machine doesn't report it.
        limit: The most that doesn't disturb, in the value's unit.
        words: What is said beyond it; ``{}`` stands for the value.
        resolution: Reads by how much the value may be off, which is added to the limit.
    """

    value: Callable[[Noise], float | None]
    limit: float
    words: str
    resolution: Callable[[Noise], float] = lambda _: 0.0


def _fall(change: float | None) -> float | None:
    """Rising clocks only say that the processor was idle before."""
    return None if change is None else -change


def _involuntary(sample: NoiseSample) -> float | None:
    """A program's own threads take turns too: only where nothing says what others used.

    And two or three switches, in a round of milliseconds, are no rate.
    """
    if sample.busy_s is not None or (sample.involuntary_switches or 0) < 10:
        return None
    return (sample.involuntary_per_s or 0) / sample.cpus


THRESHOLDS: tuple[Threshold[NoiseSample], ...] = (
    # An idle system's own services use 1 to 2 %; 5 % is the least change that gates look for.
    Threshold(
        lambda sample: sample.others,
        0.05,
        "others used {:.0%} of the CPUs",
        lambda sample: sample.resolution,
    ),
    # Time that no process on this machine can have back, and that comes in bursts.
    Threshold(
        lambda sample: sample.steal,
        0.01,
        "the hypervisor stole {:.0%} of the CPUs",
        lambda sample: sample.resolution,
    ),
    # Linux hands the CPU out for 3 ms and more: 20 per second take 6 % of it, or more.
    Threshold(_involuntary, 20, "{:.0f} involuntary switches/s on each CPU"),
    # A speed falls with the clock.
    Threshold(lambda sample: _fall(sample.clock_change), 0.05, "the CPU's clock fell by {:.0%}"),
    # The kernel counts one only where heat really held the clock down.
    Threshold(
        lambda sample: sample.thermal_throttles, 0, "heat held the CPU's clock down {:.0f} times"
    ),
    # A machine with enough memory never waits for it.
    Threshold(lambda sample: sample.memory_pressure, 0.01, "memory was short {:.0%} of the time"),
    # Each is a disk read of 0.1 to 10 ms: ten per second take 0.1 to 10 %.
    Threshold(lambda sample: sample.major_faults_per_s, 10, "{:.0f} pages/s were read from a disk"),
    # Work stands still meanwhile.
    Threshold(
        lambda sample: sample.cgroup_throttled,
        0.01,
        "the CPU quota stopped {:.0%} of the CPUs' time",
    ),
)
#: Limits as for the CPUs.
GPU_THRESHOLDS: tuple[Threshold[GpuNoise], ...] = (
    Threshold(lambda gpu: gpu.others, 0.05, "others used {:.0%} of it"),
    Threshold(lambda gpu: _fall(gpu.clock_change), 0.05, "its clock fell by {:.0%}"),
    Threshold(lambda gpu: gpu.thermal_s, 0, "heat held its clock down for {:.2g} s"),
)
#: What GPUs do under any full load, and no disturbance: it makes other rounds, not disturbed ones.
USUAL = "power limit"
#: A clock that was held down for a larger share of an interval made it slower.
THROTTLED = 0.01


def disturbances(sample: NoiseSample) -> tuple[str, ...]:
    """What disturbed, as far as it is known, such as ``others used 23 % of the CPUs``."""
    texts = _beyond(THRESHOLDS, sample)
    for number, gpu in enumerate(sample.gpus):
        held = [reason for reason in gpu.throttle or () if reason != USUAL]
        texts += [f"GPU {number}: {text}" for text in _beyond(GPU_THRESHOLDS, gpu)]
        texts += [_held_down(number, held)] * bool(held)
    return tuple(texts)


def throttling(sample: NoiseSample) -> tuple[str, ...] | None:
    """What held GPUs' clocks down, such as ``GPU 0: clock held down by power limit``.

    Both heat and power count; empty where neither did, None where no GPU says. NVML's reasons are
    those before and right after the interval, its seconds those within it.
    """
    if all(_is_silent(gpu) for gpu in sample.gpus):
        return None
    held = [_reasons(gpu, sample.wall_s) for gpu in sample.gpus]
    return tuple(_held_down(number, reasons) for number, reasons in enumerate(held) if reasons)


def _is_silent(gpu: GpuNoise) -> bool:
    """Whether a GPU reports nothing of its clock."""
    return (gpu.throttle, gpu.thermal_s, gpu.power_capped_s) == (None, None, None)


def _reasons(gpu: GpuNoise, wall_s: float) -> list[str]:
    reasons = list(gpu.throttle or ())
    for kind, seconds in ((USUAL, gpu.power_capped_s), ("heat", gpu.thermal_s)):
        is_named = any(reason.startswith(kind) for reason in reasons)
        if not is_named and (seconds or 0.0) > THROTTLED * wall_s:
            reasons.append(kind)
    return reasons


def _held_down(number: int, reasons: Iterable[str]) -> str:
    return f"GPU {number}: clock held down by {', '.join(reasons)}"


def _beyond(thresholds: Iterable[Threshold[Noise]], noise: Noise) -> list[str]:
    return [
        each.words.format(value).replace("%", " %")
        for each in thresholds
        if (value := each.value(noise)) is not None and value > each.limit + each.resolution(noise)
    ]
