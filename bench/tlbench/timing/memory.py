"""The largest resident memory of this process since a moment."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")


def reset_peak() -> bool:
    """Start a new peak at today's resident memory; False where the OS can't (not Linux)."""
    try:
        _CLEAR_REFS.write_text("5")  # proc(5): resets the peak resident set size
    except OSError:
        return False
    return True


def peak_rss_bytes() -> int | None:
    """Peak resident memory in bytes since ``reset_peak``; None on other systems than Linux.

    They know only the peak since the process began, which says nothing of a stage.
    """
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    values = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")]
    return values[0] if values else None


def reset_device_peaks() -> None:
    """Start new memory peaks on all GPUs that TensorFlow uses."""
    for name in _gpu_names():
        _config().reset_memory_stats(name)


def device_peak_bytes() -> int | None:
    """Peak memory that TensorFlow has taken on GPUs since the reset, summed; None without any."""
    peaks = [int(_config().get_memory_info(name)["peak"]) for name in _gpu_names()]
    return sum(peaks) if peaks else None


def _gpu_names() -> list[str]:
    """TensorFlow's GPUs; none where it isn't loaded: it is never imported for this."""
    tensorflow = sys.modules.get("tensorflow")
    if tensorflow is None:
        return []
    return [f"GPU:{i}" for i, _ in enumerate(tensorflow.config.list_logical_devices("GPU"))]


def _config() -> Any:  # noqa: ANN401 - TensorFlow has no types
    return sys.modules["tensorflow"].config.experimental
