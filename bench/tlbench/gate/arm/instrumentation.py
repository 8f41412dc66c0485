"""Coverage, profilers and debuggers are paused while a round is timed."""

from __future__ import annotations

import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Ids that tools of ``sys.monitoring`` have.
TOOLS = range(6)


@contextmanager
def paused() -> Iterator[None]:
    """Pause every tracer, profiler and monitoring tool, for this thread and threads it starts."""
    hooks = {
        sys.settrace: sys.gettrace(),
        sys.setprofile: sys.getprofile(),
        threading.settrace: _of_threads("trace"),
        threading.setprofile: _of_threads("profile"),
    }
    active = {change: hook for change, hook in hooks.items() if hook is not None}
    watched = _watched()
    for change in active:
        change(None)
    for tool in watched:
        sys.monitoring.set_events(tool, 0)  # type: ignore[attr-defined]  # since Python 3.12
    try:
        yield
    finally:
        for tool, events in watched.items():
            sys.monitoring.set_events(tool, events)  # type: ignore[attr-defined]
        for change, hook in active.items():
            change(hook)  # type: ignore[arg-type]


def _of_threads(kind: str) -> object:
    """The hook that traces or profiles new threads; Python 3.9 has no public way to ask."""
    return getattr(threading, f"_{kind}_hook", None)


def _watched() -> dict[int, int]:
    """Events that each tool of ``sys.monitoring`` asks for everywhere."""
    monitoring = getattr(sys, "monitoring", None)
    if monitoring is None:
        return {}
    tools = [tool for tool in TOOLS if monitoring.get_tool(tool) is not None]
    events = {tool: monitoring.get_events(tool) for tool in tools}
    return {tool: asked for tool, asked in events.items() if asked}
