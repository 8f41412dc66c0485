"""What changes from minute to minute: never part of a fingerprint."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from datetime import UTC, datetime
from statistics import median
from typing import TYPE_CHECKING, Any

import psutil

from tlbench.machine.counters import ClockReader, ThrottleReader, temperature_c
from tlbench.machine.cpu import allowed_cpus
from tlbench.machine.gpu import GpuReader, open_nvml, own_pid
from tlbench.machine.system_files import ROOT, read_text

if TYPE_CHECKING:
    from pathlib import Path


def momentary_state(root: Path = ROOT) -> dict[str, Any]:
    """Load, clocks, free memory and temperatures now, for JSON; None where it isn't reported."""
    cpus = allowed_cpus()
    clocks = ClockReader(cpus, root).read()
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    return {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "uptime_s": round(time.time() - psutil.boot_time()),
        "load_1_minute": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "memory_available_bytes": memory.available,
        "swap_used_bytes": swap.used,
        "clock_mhz": median(clocks) if clocks else None,
        "clock_lowest_mhz": min(clocks, default=None),
        "governor": read_text(root / "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"),
        "turbo": _turbo(root / "sys/devices/system/cpu"),
        "temperature_c": temperature_c(),
        "thermal_throttles": ThrottleReader(cpus, root).read(),
        "gpu_states": [asdict(gpu) for gpu in GpuReader(open_nvml(root), own_pid(root)).read()],
    }


def _turbo(folder: Path) -> bool | None:
    """Whether clocks may rise above the nominal one; Intel's driver says the opposite."""
    off = read_text(folder / "intel_pstate/no_turbo")
    if off is not None:
        return off == "0"
    boost = read_text(folder / "cpufreq/boost")
    return None if boost is None else boost == "1"
