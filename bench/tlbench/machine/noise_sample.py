"""What was counted during an interval, and the shares made from it."""

from __future__ import annotations

from statistics import fmean
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from tlbench.machine.gpu_noise import GpuNoise, sum_gpus

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Shares from counts whose rounding could be more than this say nothing.
COARSEST = 0.2
#: Derived figures, which a sample's dictionary has beside what was counted.
SHARES = (
    *("others", "steal", "memory_pressure", "cgroup_throttled"),
    *("involuntary_per_s", "major_faults_per_s", "clock_change", "resolution"),
)
Positive = Annotated[float, msgspec.Meta(gt=0)]
Count = Annotated[int, msgspec.Meta(gt=0)]


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
    own_cpu_s: float | None = None
    busy_s: float | None = None
    steal_s: float | None = None
    involuntary_switches: int | None = None
    voluntary_switches: int | None = None
    major_faults: int | None = None
    clock_before_mhz: float | None = None
    clock_after_mhz: float | None = None
    clock_lowest_mhz: float | None = None
    thermal_throttles: int | None = None
    pressure_s: float | None = None
    throttled_times: int | None = None
    throttled_s: float | None = None
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
        if not self.clock_before_mhz or self.clock_after_mhz is None:
            return None
        return self.clock_after_mhz / self.clock_before_mhz - 1

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
