"""Joules that CPUs and GPUs used during an interval, where the machine measures them.

CPUs: RAPL's counters, which are Intel's name for what AMD has too; most systems let only the
superuser read them, and virtual machines have none. GPUs: NVML's counter.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from tlbench.machine.gpu import GpuReader, open_nvml
from tlbench.machine.system_files import ROOT, read_int, read_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


#: What counters say, in joules.
_Joules: TypeAlias = "Sequence[float | None]"


@dataclass(frozen=True)
class EnergySample:
    """Joules during an interval, whoever used them; None where absent or unreadable.

    ``cpu_j`` is all sockets', cores' and caches'; not every CPU measures its memory modules'.
    """

    cpu_j: float | None
    memory_j: float | None
    gpu_j: float | None

    @property
    def total_j(self) -> float | None:
        """Everything that was measured; None where nothing was."""
        known = [part for part in (self.cpu_j, self.memory_j, self.gpu_j) if part is not None]
        return sum(known) if known else None


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

    def start(self) -> None:
        """Begin an interval."""
        self._before = self._read()

    def stop(self) -> EnergySample:
        """End the interval; RuntimeError where ``start`` wasn't called before."""
        if self._before is None:
            raise RuntimeError("EnergyMeter.stop: expected start before it")
        (packages, memory, gpus), self._before = self._before, None
        packages_after, memory_after, gpus_after = self._read()
        return EnergySample(
            cpu_j=_used(packages, packages_after, self._packages),
            memory_j=_used(memory, memory_after, self._memory),
            gpu_j=_used(gpus, gpus_after),
        )

    def _read(self) -> tuple[_Joules, _Joules, _Joules]:
        packages, memory = (
            [_joules(zone / "energy_uj") for zone in zones]
            for zones in (self._packages, self._memory)
        )
        return packages, memory, [gpu.energy_j for gpu in self._gpus.read()]


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
