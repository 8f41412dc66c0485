"""Clock rates, temperatures and throttling of the CPUs, where the kernel tells them."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING

from tlbench.machine.cpu import cpuinfo_blocks
from tlbench.machine.system_files import ROOT, read_int

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

#: CPUs whose clocks are read: enough for a median, and reading one may interrupt it.
MOST_CPUS = 32


class ClockReader:
    """Reads the clocks of some CPUs; finds out once where they are told.

    Args:
        cpus: Numbers of the CPUs.
        root: The folder that stands for ``/``.
    """

    def __init__(self, cpus: Iterable[int], root: Path = ROOT) -> None:
        self._root = root
        self._cpus = set(list(cpus)[:MOST_CPUS])
        folder = root / "sys/devices/system/cpu"
        files = [folder / f"cpu{cpu}/cpufreq/scaling_cur_freq" for cpu in sorted(self._cpus)]
        self._files = [file for file in files if file.exists()]
        # Without these counters (most virtual machines) the kernel prints the nominal clock.
        self._in_cpuinfo = not self._files and any(
            "aperfmperf" in block.get("flags", "").split() for block in cpuinfo_blocks(root)
        )

    def read(self) -> tuple[float, ...]:
        """MHz of each CPU; empty where the machine doesn't tell."""
        if self._files:
            kilohertz = (read_int(file) for file in self._files)
            return tuple(value / 1e3 for value in kilohertz if value is not None)
        if not self._in_cpuinfo:
            return ()
        blocks = (b for b in cpuinfo_blocks(self._root) if int(b["processor"]) in self._cpus)
        return tuple(float(block["cpu MHz"]) for block in blocks if "cpu MHz" in block)


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


def temperature_c(root: Path = ROOT) -> float | None:
    """The hottest sensor that the kernel lists as a thermal zone or CPU sensor, in Celsius."""
    files = [
        *(root / "sys/class/thermal").glob("thermal_zone*/temp"),
        *(root / "sys/class/hwmon").glob("hwmon*/temp*_input"),
    ]
    values = [value for file in files if (value := read_int(file)) is not None]
    return max(values) / 1e3 if values else None


def middle(values: tuple[float, ...]) -> float | None:
    """The median, or None of nothing."""
    return median(values) if values else None
