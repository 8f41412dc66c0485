"""What the kernel has counted so far about this process and about its CPUs."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

from tlbench.machine.cgroup import stat_file, throttling
from tlbench.machine.clocks import ClockReader, ThrottleReader
from tlbench.machine.system_files import ROOT, read_text

if sys.platform != "win32":
    import resource

if TYPE_CHECKING:
    from pathlib import Path

    from tlbench.machine.cgroup import Throttling

#: Columns of a CPU's line in /proc/stat that are work: user, nice, system, irq, softirq. Guests'
#: time is in the first two already.
BUSY = (1, 2, 3, 6, 7)
IDLE = (4, 5)
STEAL = 8


@dataclass(frozen=True)
class CpuTimes:
    """Seconds that some CPUs spent so far, summed over them."""

    busy: float
    idle: float
    steal: float


@dataclass(frozen=True)
class OwnUse:
    """What this process and its ended children used so far.

    Attributes:
        cpu_s: CPU seconds of all threads.
        voluntary: Context switches because it waited.
        involuntary: Context switches because something else took the CPU.
        major_faults: Pages that had to be read from a disk.
    """

    cpu_s: float
    voluntary: int
    involuntary: int
    major_faults: int


@dataclass(frozen=True)
class Counters:
    """Everything at one moment; None where the machine doesn't tell."""

    clock: float
    cpus: CpuTimes | None
    own: OwnUse | None
    clocks_mhz: tuple[float, ...]
    thermal: int | None
    pressure_s: float | None
    throttled: Throttling | None


class CounterReader:
    """Finds out once what the machine tells, and then reads only that.

    Args:
        cpus: CPUs that this process may run on.
        root: The folder that stands for ``/``.
    """

    def __init__(self, cpus: tuple[int, ...], root: Path = ROOT) -> None:
        self._root, self._names = root, {f"cpu{cpu}" for cpu in cpus}
        self._clocks, self._thermal = ClockReader(cpus, root), ThrottleReader(cpus, root)
        self._cgroup = stat_file(root)
        self._tick = 1 / os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 0.01

    @property
    def tick(self) -> float:
        """Seconds of one count in /proc/stat."""
        return self._tick

    def read(self, *, clock: float | None = None) -> Counters:
        """Everything now; the clock last, so that reading isn't timed, or the one given."""
        cpus, own = self._cpu_times(), own_use()
        slow = (self._clocks.read(), self._thermal.read(), self._pressure())
        throttled = throttling(self._cgroup)
        return Counters(perf_counter() if clock is None else clock, cpus, own, *slow, throttled)

    def _cpu_times(self) -> CpuTimes | None:
        busy = idle = steal = 0
        for line in (read_text(self._root / "proc/stat") or "").splitlines():
            if not line.startswith("cpu"):
                break  # the CPUs come first, then long lists
            fields = line.split()
            if fields[0] in self._names:
                busy += sum(int(fields[column]) for column in BUSY)
                idle += sum(int(fields[column]) for column in IDLE)
                steal += int(fields[STEAL])
        if not busy + idle + steal:
            return None  # some sandboxes print zeros
        return CpuTimes(busy * self._tick, idle * self._tick, steal * self._tick)

    def _pressure(self) -> float | None:
        line = (read_text(self._root / "proc/pressure/memory") or "").partition("\n")[0]
        total = line.rpartition("total=")[2]
        return int(total) / 1e6 if line.startswith("some ") and total.isdecimal() else None


def own_use() -> OwnUse | None:
    """What this process and its ended children used; None on Windows."""
    if sys.platform == "win32":
        return None
    both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return OwnUse(
        cpu_s=sum(use.ru_utime + use.ru_stime for use in both),
        voluntary=sum(use.ru_nvcsw for use in both),
        involuntary=sum(use.ru_nivcsw for use in both),
        major_faults=sum(use.ru_majflt for use in both),
    )
