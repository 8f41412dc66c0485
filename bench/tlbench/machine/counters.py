"""What the kernel has counted so far about this process and about its CPUs."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import psutil

from tlbench.machine.cgroup import stat_file, throttling
from tlbench.machine.clocks import ThrottleReader
from tlbench.machine.system_files import ROOT, read_text

if sys.platform != "win32":
    import resource

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: What is work of a CPU's time; guests' time is in the first two already.
BUSY = ("user", "nice", "system", "irq", "softirq")


class CounterReader:
    """Finds out once what the machine counts, and then reads only that.

    Args:
        cpus: CPUs that this process may run on.
        root: The folder that stands for ``/``.

    Attributes:
        tick_s: Seconds per count of CPU time.
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
