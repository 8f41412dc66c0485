"""Two processors on which both sides of a pair can run at once."""

from __future__ import annotations

import functools
import os
from pathlib import Path

#: Where Linux says which core a processor belongs to.
TOPOLOGY = Path("/sys/devices/system/cpu")


@functools.cache
def two_processors() -> tuple[int, ...]:
    """Two processors that this process may use, of different cores if possible; else none.

    Two threads of one core would slow each other down.
    """
    if not hasattr(os, "sched_setaffinity"):
        return ()
    allowed = sorted(os.sched_getaffinity(0))
    cores: dict[str, int] = {}
    for number in allowed:
        cores.setdefault(_core(number), number)
    chosen = (*cores.values(), *(each for each in allowed if each not in cores.values()))
    return chosen[:2] if len(chosen) > 1 else ()


def _core(number: int) -> str:
    """The processors of one core, as Linux lists them; unknown ones are cores of their own."""
    try:
        return (TOPOLOGY / f"cpu{number}/topology/thread_siblings_list").read_text()
    except OSError:
        return str(number)
