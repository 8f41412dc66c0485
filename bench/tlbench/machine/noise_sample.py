"""What was counted during an interval about CPUs and NVIDIA GPUs, and the shares made from it."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Any

import msgspec

from tlbench.figures import Count, Positive, Signed, SignedWhole

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tlbench.machine.gpu import GpuState

#: Shares from counts whose rounding could be more than this say nothing.
COARSEST = 0.2
#: Derived figures, which a sample's dictionary has beside what was counted.
SHARES = (
    *("others", "steal", "memory_pressure", "cgroup_throttled"),
    *("involuntary_per_s", "major_faults_per_s", "clock_change", "resolution"),
)


class GpuNoise(msgspec.Struct, frozen=True):
    """A GPU during an interval; None where the driver doesn't report it.

    Attributes:
        clock_before_mhz, clock_after_mhz: Clock of its multiprocessors before and right after.
        temperature_c: The higher of both temperatures, in Celsius.
        power_w: Watts right after.
        throttle: What held its clock down before or after.
        thermal_s: Seconds in which heat held its clock down.
        power_capped_s: Seconds in which its power limit did, which is usual at full load.
        others: Share of its time that other processes used lately, 0 to 1.
    """

    clock_before_mhz: Signed | None = None
    clock_after_mhz: Signed | None = None
    temperature_c: Signed | None = None
    power_w: Signed | None = None
    throttle: tuple[str, ...] | None = None
    thermal_s: Signed | None = None
    power_capped_s: Signed | None = None
    others: Signed | None = None

    @property
    def clock_change(self) -> float | None:
        """Relative change of the clock, such as -0.1 for a tenth slower at the end."""
        return _change(self.clock_before_mhz, self.clock_after_mhz)


class NoiseSample(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted during an interval; None where the machine doesn't report it.

    Attributes:
        wall_s: Its length in seconds.
        cpus: CPUs that this process may run on.
        tick_s: Seconds of CPU time per count, to which ``busy_s`` and ``steal_s`` are rounded
            once per CPU and interval.
        intervals: How many intervals were summed up.
        own_cpu_s: CPU seconds of this process's threads and of its ended children.
        busy_s: CPU seconds of everything on these CPUs.
        steal_s: CPU seconds that the hypervisor gave to others.
        involuntary_switches: Times that something else took a CPU from a thread of this process.
        voluntary_switches: Times that a thread of this process gave a CPU up, to wait.
        major_faults: Pages that had to be read from a disk.
        clock_before_mhz: Median clock of these CPUs before.
        clock_after_mhz: Median clock after.
        clock_lowest_mhz: The lowest before or after.
        thermal_throttles: Times that heat held a clock down.
        pressure_s: Seconds in which something on the machine waited for memory.
        throttled_times: Periods in which the CPU quota stopped this process's group.
        throttled_s: Seconds of that, summed over CPUs.
        gpus: The same of each NVIDIA GPU.
    """

    wall_s: Positive
    cpus: Count
    tick_s: Positive = 0.01
    intervals: Count = 1
    own_cpu_s: Signed | None = None
    busy_s: Signed | None = None
    steal_s: Signed | None = None
    involuntary_switches: SignedWhole | None = None
    voluntary_switches: SignedWhole | None = None
    major_faults: SignedWhole | None = None
    clock_before_mhz: Signed | None = None
    clock_after_mhz: Signed | None = None
    clock_lowest_mhz: Signed | None = None
    thermal_throttles: SignedWhole | None = None
    pressure_s: Signed | None = None
    throttled_times: SignedWhole | None = None
    throttled_s: Signed | None = None
    gpus: tuple[GpuNoise, ...] = ()

    @property
    def resolution(self) -> float:
        """How far ``others`` and ``steal`` may be off: a count at either end of each interval.

        Rounding errors of many intervals cancel in part, so their sum grows like a root.
        """
        return 2 * self.tick_s * self.intervals**0.5 / self.wall_s if self.wall_s > 0 else 1.0

    @property
    def others(self) -> float | None:
        """Share of the CPUs' time that other processes used; None also if too short to tell."""
        if self.busy_s is None or self.own_cpu_s is None:
            return None
        return self._of_cpus(max(0.0, self.busy_s - self.own_cpu_s))

    @property
    def steal(self) -> float | None:
        """Share of the CPUs' time that the hypervisor gave away; None also if too short."""
        return self._of_cpus(self.steal_s)

    @property
    def memory_pressure(self) -> float | None:
        """Share of the time in which something waited for memory."""
        return self._per_s(self.pressure_s)

    @property
    def cgroup_throttled(self) -> float | None:
        """Share of the CPUs' time that the quota took."""
        share = self._per_s(self.throttled_s)
        return None if share is None else share / self.cpus

    @property
    def involuntary_per_s(self) -> float | None:
        """Involuntary context switches per second."""
        return self._per_s(self.involuntary_switches)

    @property
    def major_faults_per_s(self) -> float | None:
        """Pages read from a disk per second."""
        return self._per_s(self.major_faults)

    @property
    def clock_change(self) -> float | None:
        """Relative change of the median clock, such as -0.1 for a tenth slower at the end."""
        return _change(self.clock_before_mhz, self.clock_after_mhz)

    def as_dict(self) -> dict[str, Any]:
        """For JSON: what was counted, and the shares made from it."""
        counts: dict[str, Any] = msgspec.to_builtins(self)
        return counts | {name: getattr(self, name) for name in SHARES}

    def _per_s(self, count: float | None) -> float | None:
        return None if count is None or self.wall_s <= 0 else count / self.wall_s

    def _of_cpus(self, seconds: float | None) -> float | None:
        if seconds is None or self.resolution > COARSEST:
            return None
        return min(1.0, seconds / (self.wall_s * self.cpus))


def sum_samples(samples: Sequence[NoiseSample]) -> NoiseSample | None:
    """Several intervals on the same CPUs as one, such as all rounds of a stage; None of none.

    Counts are summed, clocks averaged, except the lowest; None in one of them is None in all.
    """
    if not samples:
        return None
    merged: dict[str, Any] = {"cpus": samples[0].cpus, "tick_s": samples[0].tick_s}
    for name in (name for name in NoiseSample.__struct_fields__ if name not in merged):
        values = [getattr(sample, name) for sample in samples]
        if name == "gpus":
            merged[name] = sum_gpus(values)
        elif None not in values:
            clock = min if name == "clock_lowest_mhz" else fmean
            merged[name] = clock(values) if name.startswith("clock") else sum(values)
    return NoiseSample(**merged)


def gpu_noise(before: GpuState, after: GpuState) -> GpuNoise:
    """What happened between two readings of one GPU."""
    return GpuNoise(
        clock_before_mhz=before.clock_mhz,
        clock_after_mhz=after.clock_mhz,
        temperature_c=_highest([before.temperature_c, after.temperature_c]),
        power_w=after.power_w,
        throttle=_union([before.throttle, after.throttle]),
        thermal_s=passed(before.thermal_s, after.thermal_s),
        power_capped_s=passed(before.power_capped_s, after.power_capped_s),
        others=after.others,
    )


def passed(before: float | None, after: float | None) -> float | None:
    """What a counter rose by; None where either reading lacks it."""
    return None if before is None or after is None else after - before


def sum_gpus(intervals: Sequence[tuple[GpuNoise, ...]]) -> tuple[GpuNoise, ...]:
    """Several intervals as one, GPU by GPU: times added, the worst of what can't be added."""
    return tuple(
        GpuNoise(
            clock_before_mhz=several[0].clock_before_mhz,
            clock_after_mhz=several[-1].clock_after_mhz,
            temperature_c=_highest([each.temperature_c for each in several]),
            power_w=_highest([each.power_w for each in several]),
            throttle=_union([each.throttle for each in several]),
            thermal_s=_total([each.thermal_s for each in several]),
            power_capped_s=_total([each.power_capped_s for each in several]),
            others=_highest([each.others for each in several]),
        )
        for several in zip(*intervals, strict=True)
    )


def _highest(values: Sequence[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _total(values: Sequence[float | None]) -> float | None:
    return sum(value for value in values if value is not None) if None not in values else None


def _union(values: Sequence[tuple[str, ...] | None]) -> tuple[str, ...] | None:
    known = [value for value in values if value is not None]
    return tuple(dict.fromkeys(reason for value in known for reason in value)) if known else None


def _change(before: float | None, after: float | None) -> float | None:
    return after / before - 1 if before and after is not None else None
