"""Clock rates, temperatures and throttling of the CPUs, where the machine reports them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil

from tlbench.machine.cpu import cpuinfo_blocks
from tlbench.machine.system_files import ROOT, read_int

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path


class ClockReader:
    """Reads the clocks of some CPUs; finds out once whether they are measured at all.

    Args:
        cpus: Numbers of the CPUs.
        root: The folder that stands for ``/``.
    """

    def __init__(self, cpus: Iterable[int], root: Path = ROOT) -> None:
        self._cpus = frozenset(cpus)
        # With neither (most virtual machines, other systems) psutil has the nominal clock.
        self._measured = any((root / "sys/devices/system/cpu").glob("cpu*/cpufreq")) or any(
            "aperfmperf" in block.get("flags", "").split() for block in cpuinfo_blocks(root)
        )

    def read(self) -> tuple[float, ...]:
        """MHz of each CPU; empty where they aren't measured."""
        if not self._measured:
            return ()
        try:
            clocks = [each.current for each in psutil.cpu_freq(percpu=True)]
        except (OSError, NotImplementedError):
            return ()
        # Where several CPUs share a clock, there are fewer clocks than CPUs.
        mine = [clock for cpu, clock in enumerate(clocks) if cpu in self._cpus]
        return tuple(mine if len(clocks) > max(self._cpus) else clocks)


class ThrottleReader:
    """Counts how often heat held the clocks of some CPUs down.

    Args:
        cpus: Numbers of the CPUs.
        root: The folder that stands for ``/``.
    """

    def __init__(self, cpus: Iterable[int], root: Path = ROOT) -> None:
        folder = root / "sys/devices/system/cpu"
        names = ("core_throttle_count", "package_throttle_count")
        files = [folder / f"cpu{cpu}/thermal_throttle" / name for cpu in cpus for name in names]
        self._files = [file for file in files if file.exists()]

    def read(self) -> int | None:
        """Events so far, summed over the CPUs; None where the machine doesn't count them."""
        counts = [count for file in self._files if (count := read_int(file)) is not None]
        return sum(counts) if counts else None


def temperature_c() -> float | None:
    """The hottest sensor in Celsius; None without one."""
    sensors = psutil.sensors_temperatures() if hasattr(psutil, "sensors_temperatures") else {}
    return max((each.current for several in sensors.values() for each in several), default=None)
