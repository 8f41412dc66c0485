"""NVIDIA GPUs, through the driver's management library (NVML) where it is installed."""

from __future__ import annotations

import importlib
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from tlbench.machine.system_files import ROOT, read_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: The module pynvml and its handles of GPUs, which have no types.
Nvml: TypeAlias = Any
Handle: TypeAlias = Any
#: Inode of the first process namespace (PROC_PID_INIT_INO): only there are the process numbers
#: that the driver reports the ones that this process knows itself by.
FIRST_PID_NAMESPACE = 0xEFFFFFFC


@dataclass(frozen=True)
class GpuState:
    """A GPU at one moment, as ``noise_sample.GpuNoise`` is over an interval.

    Seconds and joules are counted so far; power is averaged by the driver.
    """

    clock_mhz: int | None
    temperature_c: int | None
    power_w: float | None
    throttle: tuple[str, ...] | None
    thermal_s: float | None
    power_capped_s: float | None
    energy_j: float | None
    others: float | None


#: Bits of the reasons that NVML gives for a clock below its highest, without "idle" (bit 0).
REASONS = {
    0x4: "power limit",
    0x8: "hardware slowdown",
    0x20: "heat (software)",
    0x40: "heat (hardware)",
    0x80: "power brake",
}


def has_driver(root: Path = ROOT) -> bool:
    """Whether an NVIDIA driver can be there; asked before NVML's large module is imported."""
    if not sys.platform.startswith("linux"):
        return sys.platform == "win32"
    return any((root / name).exists() for name in ("proc/driver/nvidia", "dev/dxg"))


def open_nvml(root: Path = ROOT) -> Nvml:
    """The started NVML module, or None without a driver or without nvidia-ml-py."""
    if not has_driver(root):
        return None
    try:
        nvml = importlib.import_module("pynvml")
    except ImportError:
        return None
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return None
    return nvml


def gpu_facts(nvml: Nvml, root: Path = ROOT) -> dict[str, Any]:
    """Models, memory and driver of the machine's GPUs; without NVML, from the driver's folder."""
    if nvml is None:
        driver = root / "proc/driver/nvidia"
        texts = [read_text(file) or "" for file in sorted(driver.glob("gpus/*/information"))]
        models = [model for text in texts if (model := _field(text, "Model"))]
        version = read_text(driver / "version") or ""
        words = (word for word in version.split() if word.replace(".", "").isdecimal())
        return {
            "gpus": models if models or not has_driver(root) else None,
            "gpu_memory_bytes": None,
            "gpu_driver": next(words, None),
        }
    handles = _handles(nvml)
    memory = [_ask(nvml, lambda h=h: nvml.nvmlDeviceGetMemoryInfo(h).total) for h in handles]
    return {
        "gpus": [_text(_ask(nvml, nvml.nvmlDeviceGetName, h)) for h in handles],
        "gpu_memory_bytes": memory,
        "gpu_driver": _text(_ask(nvml, nvml.nvmlSystemGetDriverVersion)),
    }


class GpuReader:
    """Reads every GPU's state; none at all where there is no NVML.

    ``own_pid`` is this process as the driver knows it; None where that isn't known.
    """

    def __init__(self, nvml: Nvml, own_pid: int | None = None) -> None:
        self._nvml, self._own_pid = nvml, own_pid
        self._handles = [] if nvml is None else _handles(nvml)

    def read(self, since_us: int = 0) -> tuple[GpuState, ...]:
        """Every GPU now; others' use counts from ``since_us`` on, Unix time in microseconds."""
        return tuple(self._read(handle, since_us) for handle in self._handles)

    def energy_j(self) -> tuple[float | None, ...]:
        """Joules of every GPU so far, as ``read`` has them but sooner; None if not counted."""
        return tuple(_energy_j(self._nvml, handle) for handle in self._handles)

    def _read(self, handle: Handle, since_us: int) -> GpuState:
        nvml = self._nvml

        def ask(name: str, *rest: int) -> Any:  # noqa: ANN401 - NVML's answers
            return _ask(nvml, getattr(nvml, name), handle, *rest)

        power = ask("nvmlDeviceGetPowerUsage")
        bits = ask("nvmlDeviceGetCurrentClocksThrottleReasons")
        return GpuState(
            clock_mhz=ask("nvmlDeviceGetClockInfo", nvml.NVML_CLOCK_SM),
            temperature_c=ask("nvmlDeviceGetTemperature", nvml.NVML_TEMPERATURE_GPU),
            power_w=None if power is None else power / 1e3,
            throttle=None
            if bits is None
            else tuple(reason for bit, reason in REASONS.items() if bits & bit),
            thermal_s=self._held(handle, nvml.NVML_PERF_POLICY_THERMAL),
            power_capped_s=self._held(handle, nvml.NVML_PERF_POLICY_POWER),
            energy_j=_energy_j(nvml, handle),
            others=self._others(handle, since_us),
        )

    def _held(self, handle: Handle, policy: int) -> float | None:
        status = _ask(self._nvml, self._nvml.nvmlDeviceGetViolationStatus, handle, policy)
        return None if status is None else status.violationTime / 1e9

    def _others(self, handle: Handle, since_us: int) -> float | None:
        nvml = self._nvml
        if self._own_pid is None:
            return None
        try:
            used = nvml.nvmlDeviceGetProcessUtilization(handle, since_us)
        except nvml.NVMLError as error:
            # It says "not found" where no process has used the GPU since then.
            return 0.0 if getattr(error, "value", None) == nvml.NVML_ERROR_NOT_FOUND else None
        return min(1.0, sum(int(each.smUtil) for each in used if each.pid != self._own_pid) / 100)


def own_pid(root: Path = ROOT) -> int | None:
    """This process's number as the driver knows it; None inside a container of processes."""
    try:
        namespace = (root / "proc/self/ns/pid").stat().st_ino
    except OSError:
        return None
    return os.getpid() if namespace == FIRST_PID_NAMESPACE else None


def _handles(nvml: Nvml) -> list[Handle]:
    count = _ask(nvml, nvml.nvmlDeviceGetCount) or 0
    handles = (_ask(nvml, nvml.nvmlDeviceGetHandleByIndex, number) for number in range(count))
    return [handle for handle in handles if handle is not None]


def _energy_j(nvml: Nvml, handle: Handle) -> float | None:
    millijoules = _ask(nvml, nvml.nvmlDeviceGetTotalEnergyConsumption, handle)
    return None if millijoules is None else millijoules / 1e3


def _ask(nvml: Nvml, question: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401
    """NVML's answer; None where this GPU or driver doesn't support the question."""
    try:
        return question(*arguments)
    except nvml.NVMLError:
        return None


def _text(value: str | bytes | None) -> str | None:
    return value.decode() if isinstance(value, bytes) else value


def _field(text: str, name: str) -> str | None:
    lines = (line.partition(":") for line in text.splitlines())
    return next((value.strip() for key, _, value in lines if key.strip() == name), None)
