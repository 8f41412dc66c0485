"""Joules that CPUs and GPUs used during an interval, where the machine measures them.

CPUs: RAPL's counters, which are Intel's name for what AMD has too; most systems let only the
superuser read them, and virtual machines have none. GPUs: NVML's counter.

A machine that does nothing draws power too, a large GPU many tens of watts: what it draws before a
job is measured, so that it can be subtracted from what it used during the job.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from tlbench.machine.gpu import GpuReader, open_nvml
from tlbench.machine.system_files import ROOT, read_int, read_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


#: What counters say, in joules.
_Joules: TypeAlias = "Sequence[float | None]"
#: Seconds over which the idle power is measured; GPUs renew their counters some ten times in it.
IDLE_S = 1.0


@dataclass(frozen=True)
class EnergySample:
    """Joules during an interval, whoever used them; None where absent or unreadable.

    Attributes:
        cpu_j: All sockets', cores' and caches'.
        memory_j: The memory modules', which not every CPU measures.
        gpu_j: All GPUs'.
        seconds: Length of the interval.
        idle: The same while the machine was idle; None where that wasn't measured.
    """

    cpu_j: float | None
    memory_j: float | None
    gpu_j: float | None
    seconds: float
    idle: EnergySample | None = None

    @property
    def total_j(self) -> float | None:
        """Everything that was measured; None where nothing was."""
        return sum(self._known.values()) if self._known else None

    @property
    def source(self) -> str | None:
        """Which counters it is from, such as ``RAPL (CPU), NVML``; None without any."""
        return ", ".join(self._known) or None

    @property
    def idle_w(self) -> float | None:
        """Watts that the same counters gave while idle; None where that isn't known."""
        if self.idle is None or self.idle.total_j is None or self.idle.source != self.source:
            return None
        return self.idle.total_j / self.idle.seconds

    @property
    def idle_j(self) -> float | None:
        """Joules that the idle machine would have used in the same time; None where unknown."""
        return None if self.idle_w is None else self.idle_w * self.seconds

    @property
    def _known(self) -> dict[str, float]:
        parts = {"RAPL (CPU)": self.cpu_j, "RAPL (memory)": self.memory_j, "NVML": self.gpu_j}
        return {name: joules for name, joules in parts.items() if joules is not None}


class EnergyMeter:
    """Started before work and stopped after it.

    A counter that wraps around once is followed; at 250 W that takes some 17 minutes, so intervals
    should be shorter.

    Args:
        root: The folder that stands for ``/``.
        gpus: Reads the GPUs; None finds them.
    """

    def __init__(self, root: Path = ROOT, gpus: GpuReader | None = None) -> None:
        self._packages = _zones(root, "intel-rapl:[0-9]*", "package")
        self._memory = _zones(root, "intel-rapl:[0-9]*/intel-rapl:[0-9]*:[0-9]*", "dram")
        self._gpus = gpus or GpuReader(open_nvml(root))
        self._before: tuple[_Joules, _Joules, _Joules] | None = None
        self._idle: EnergySample | None = None

    def measure_idle(self, seconds: float = IDLE_S) -> None:
        """Measure the power of the machine as it is, for all later intervals; call it before work.

        It waits so long, but not at all where nothing counts energy.
        """
        self.start()
        if self.stop().source is None:
            return
        self.start()
        time.sleep(seconds)
        self._idle = self.stop()

    def start(self) -> None:
        """Begin an interval."""
        self._before, self._clock = self._read(), time.perf_counter()

    def stop(self) -> EnergySample:
        """End the interval; RuntimeError where ``start`` wasn't called before."""
        if self._before is None:
            raise RuntimeError("EnergyMeter.stop: expected start before it")
        (packages, memory, gpus), self._before = self._before, None
        seconds = time.perf_counter() - self._clock
        packages_after, memory_after, gpus_after = self._read()
        return EnergySample(
            cpu_j=_used(packages, packages_after, self._packages),
            memory_j=_used(memory, memory_after, self._memory),
            gpu_j=_used(gpus, gpus_after),
            seconds=seconds,
            idle=self._idle,
        )

    def _read(self) -> tuple[_Joules, _Joules, _Joules]:
        packages, memory = (
            [_joules(zone / "energy_uj") for zone in zones]
            for zones in (self._packages, self._memory)
        )
        return packages, memory, self._gpus.energy_j()


def _zones(root: Path, pattern: str, name: str) -> list[Path]:
    """Zones of one kind. The one called psys holds the others, and is left out."""
    folders = sorted((root / "sys/class/powercap").glob(pattern))
    zones = [folder for folder in folders if (read_text(folder / "name") or "").startswith(name)]
    # /sys/class/powercap lists inner zones beside outer ones too; each is counted once.
    return list({zone.resolve(): zone for zone in zones}.values())


def _joules(file: Path) -> float | None:
    microjoules = read_int(file)
    return None if microjoules is None else microjoules / 1e6


def _used(before: _Joules, after: _Joules, zones: Sequence[Path] = ()) -> float | None:
    """What the counters of zones rose by; None without any, or where one isn't known."""
    total = 0.0
    for number, (first, last) in enumerate(zip(before, after, strict=True)):
        if first is None or last is None:
            return None
        if last < first:
            highest = _joules(zones[number] / "max_energy_range_uj") if zones else None
            if highest is None:
                return None
            total += highest
        total += last - first
    return total if before else None
