"""The largest resident memory of this process since a moment."""

from __future__ import annotations

from pathlib import Path

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
    """Peak resident memory in bytes since ``reset_peak``; None where the OS can't tell.

    Other systems know only the peak since the process began, which says nothing of a stage.
    """
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    values = [int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM")]
    return values[0] if values else None
