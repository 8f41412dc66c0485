"""What the kernel counts about this process and its CPUs, and their clocks, heat and throttling."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import psutil

from tlbench.machine.cgroup import stat_file, throttling
from tlbench.machine.cpu import cpuinfo_blocks
from tlbench.machine.system_files import ROOT, read_int, read_text

if sys.platform != "win32":
    import resource

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

#: What is work of a CPU's time; guests' time is in the first two already.
BUSY = ("user", "nice", "system", "irq", "softirq")


class CounterReader:
    """Finds out once what the machine counts about these CPUs, and then reads only that.

    ``tick_s`` are the seconds per count of CPU time.
    """

    def __init__(self, cpus: tuple[int, ...], root: Path = ROOT) -> None:
        self._cpus, self._root = cpus, root
        self._thermal, self._cgroup = ThrottleReader(cpus, root), stat_file(root)
        self.tick_s = 1 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0.01

    def read(self) -> dict[str, float]:
        """Counts so far, by the names of ``NoiseSample``; absent where nothing counts them."""
        counts = {
            **_cpu_times(self._cpus),
            **own_use(),
            "thermal_throttles": self._thermal.read(),
            "pressure_s": self._pressure(),
            **throttling(self._cgroup),
        }
        return {name: count for name, count in counts.items() if count is not None}

    def _pressure(self) -> float | None:
        line = (read_text(self._root / "proc/pressure/memory") or "").partition("\n")[0]
        total = line.rpartition("total=")[2]
        return int(total) / 1e6 if line.startswith("some ") and total.isdecimal() else None


def _cpu_times(cpus: tuple[int, ...]) -> Mapping[str, float]:
    """Seconds that these CPUs worked, and that the hypervisor gave to others, summed over them."""
    try:
        times = psutil.cpu_times(percpu=True)
    except OSError:
        return {}
    # Where CPUs are offline, numbers and positions may differ.
    if len(times) <= max(cpus):
        return {}
    mine = [times[cpu] for cpu in cpus]
    if not sum(map(sum, mine)):
        return {}  # some sandboxes have zeros
    busy = sum(getattr(each, name, 0.0) for each in mine for name in BUSY)
    steal = [each.steal for each in mine if hasattr(each, "steal")]
    return {"busy_s": busy} | ({"steal_s": sum(steal)} if steal else {})


def own_use() -> Mapping[str, float]:
    """What this process's threads and its ended children used; nothing on Windows."""
    if sys.platform == "win32":
        return {}
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    # Not by psutil, which counts the switches of the main thread only.
    return {
        "own_cpu_s": sum(use.ru_utime + use.ru_stime for use in both),
        "voluntary_switches": sum(use.ru_nvcsw for use in both),
        "involuntary_switches": sum(use.ru_nivcsw for use in both),
        "major_faults": sum(use.ru_majflt for use in both),
    }


class ClockReader:
    """Reads the clocks of some CPUs; finds out once whether they are measured at all."""

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
    """Counts how often heat held the clocks of some CPUs down."""

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
