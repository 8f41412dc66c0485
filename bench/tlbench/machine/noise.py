"""What disturbed a piece of timed work: other processes, the hypervisor, heat, limits.

``NoiseMeter`` reads counters before and after; a ``NoiseSample`` holds the differences. What the
machine doesn't report is None, never 0.
"""

from __future__ import annotations

import time
from statistics import median
from typing import TYPE_CHECKING, Any

from tlbench.machine.counters import ClockReader, CounterReader
from tlbench.machine.cpu import allowed_cpus
from tlbench.machine.gpu import GpuReader, open_nvml, own_pid
from tlbench.machine.noise_sample import NoiseSample, gpu_noise
from tlbench.machine.system_files import ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tlbench.machine.gpu import GpuState


class NoiseMeter:
    """Started before timed work and stopped after it, as often as wanted.

    Children that still run count as others. GPUs are read where a driver and nvidia-ml-py are.
    """

    def __init__(self, root: Path = ROOT, gpus: GpuReader | None = None) -> None:
        self._cpus = allowed_cpus()
        self._counters = CounterReader(self._cpus, root)
        self._clocks = ClockReader(self._cpus, root)
        self._gpus = gpus or GpuReader(open_nvml(root), own_pid(root))
        self._before: dict[str, float] | None = None

    def start(self) -> None:
        """Begin an interval."""
        self._since_us = time.time_ns() // 1000
        self._gpus_before: tuple[GpuState, ...] = self._gpus.read(self._since_us)
        self._clocks_before = self._clocks.read()
        self._before = self._counters.read()
        self._clock = time.perf_counter()  # last, so that reading isn't timed

    def stop(self) -> NoiseSample:
        """End the interval; RuntimeError where ``start`` wasn't called before."""
        clock = time.perf_counter()
        if self._before is None:
            raise RuntimeError("NoiseMeter.stop: expected start before it")
        before, after, self._before = self._before, self._counters.read(), None
        counts: dict[str, Any] = {n: after[n] - before[n] for n in before if n in after}
        clocks = self._clocks_before, self._clocks.read()
        medians = [median(each) if each else None for each in clocks]
        gpus = zip(self._gpus_before, self._gpus.read(self._since_us), strict=True)
        return NoiseSample(
            wall_s=clock - self._clock,
            cpus=len(self._cpus),
            tick_s=self._counters.tick_s,
            clock_before_mhz=medians[0],
            clock_after_mhz=medians[1],
            clock_lowest_mhz=min((*clocks[0], *clocks[1]), default=None),
            gpus=tuple(gpu_noise(*pair) for pair in gpus),
            **counts,
        )
