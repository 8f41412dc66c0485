"""The processor on which an arm runs, and whether it has one thread and no child processes."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Where Linux lists the threads of this process.
TASKS = Path("/proc/self/task")


@contextmanager
def on_processor(number: int | None) -> Iterator[None]:
    """Run this thread on this processor during the block; None leaves it to the system."""
    if number is None:
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {number})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def children_s() -> float:
    """Seconds of processor time of child processes that have ended."""
    times = os.times()
    return times.children_user + times.children_system


def is_alone(children_before_s: float) -> bool:
    """Whether this process has one thread, and no child process has worked since."""
    try:
        threads = sum(1 for _ in TASKS.iterdir())
    except OSError:
        return False
    return threads == 1 and children_s() == children_before_s
