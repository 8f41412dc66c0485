"""What disturbed a piece of timed work: other processes, the hypervisor, heat, limits.

``NoiseMeter`` reads the kernel's counters before and after; a ``NoiseSample`` holds the
differences. What the machine doesn't tell is None, never 0.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tlbench.machine.clocks import middle
from tlbench.machine.counters import CounterReader, Counters
from tlbench.machine.cpu import allowed_cpus
from tlbench.machine.gpu import GpuReader, open_nvml, own_pid
from tlbench.machine.gpu_noise import GpuNoise, gpu_noise
from tlbench.machine.noise_sample import NoiseSample
from tlbench.machine.system_files import ROOT

if TYPE_CHECKING:
    from pathlib import Path

#: A sample's name for each of ``OwnUse``'s counters.
OWN = {
    "own_cpu_s": "cpu_s",
    "involuntary_switches": "involuntary",
    "voluntary_switches": "voluntary",
    "major_faults": "major_faults",
}


class NoiseMeter:
    """Started before timed work and stopped after it, as often as wanted.

    Children that still run count as others. GPUs are read where a driver and nvidia-ml-py are.

    Args:
        root: The folder that stands for ``/``.
        gpus: Reads the GPUs; None finds them.
    """

    def __init__(self, root: Path = ROOT, gpus: GpuReader | None = None) -> None:
        self._cpus = allowed_cpus()
        self._reader = CounterReader(self._cpus, root)
        self._gpus = gpus or GpuReader(open_nvml(root), own_pid(root))
        self._before: Counters | None = None

    def start(self) -> None:
        """Begin an interval."""
        self._since_us = time.time_ns() // 1000
        self._gpus_before = self._gpus.read(self._since_us)
        self._before = self._reader.read()

    def stop(self) -> NoiseSample:
        """End the interval.

        Raises:
            RuntimeError: ``start`` wasn't called before.
        """
        clock = time.perf_counter()
        if self._before is None:
            raise RuntimeError("NoiseMeter.stop: expected start before it")
        before, after = self._before, self._reader.read(clock=clock)
        self._before = None
        gpus = zip(self._gpus_before, self._gpus.read(self._since_us), strict=True)
        return difference(
            before,
            after,
            cpus=len(self._cpus),
            tick_s=self._reader.tick,
            gpus=tuple(gpu_noise(*pair) for pair in gpus),
        )


def difference(
    before: Counters,
    after: Counters,
    *,
    cpus: int,
    tick_s: float,
    gpus: tuple[GpuNoise, ...] = (),
) -> NoiseSample:
    """What was counted between two moments.

    Args:
        before: The earlier one.
        after: The later one.
        cpus: CPUs that this process may run on.
        tick_s: Seconds of one count of CPU time.
        gpus: What the GPUs counted meanwhile.
    """
    clocks = (*before.clocks_mhz, *after.clocks_mhz)
    busy, steal = (_passed(before.cpus, after.cpus, name) for name in ("busy", "steal"))
    own = {ours: _passed(before.own, after.own, name) for ours, name in OWN.items()}
    return NoiseSample(
        wall_s=after.clock - before.clock,
        cpus=cpus,
        tick_s=tick_s,
        busy_s=busy,
        steal_s=steal,
        clock_before_mhz=middle(before.clocks_mhz),
        clock_after_mhz=middle(after.clocks_mhz),
        clock_lowest_mhz=min(clocks, default=None),
        thermal_throttles=_passed(before, after, "thermal"),
        pressure_s=_passed(before, after, "pressure_s"),
        throttled_times=_passed(before.throttled, after.throttled, "times"),
        throttled_s=_passed(before.throttled, after.throttled, "seconds"),
        gpus=gpus,
        **own,
    )


def _passed(before: object, after: object, name: str) -> Any:  # noqa: ANN401 - int or float
    """What a counter rose by; None where either moment doesn't tell it."""
    first, last = getattr(before, name, None), getattr(after, name, None)
    return None if first is None or last is None else last - first
