"""A progress bar for all work that can take longer than a few seconds."""

from __future__ import annotations

import sys
from typing import TextIO

from tqdm import tqdm

#: Seconds before a bar appears; shorter work shows none.
DELAY_S = 2.0


def progress(total: int | None, description: str, unit: str = "img") -> tqdm[None]:
    """A bar on stderr with rate and time left; none if stderr isn't a terminal.

    ``total`` is None if unknown; the unit ``"B"`` is scaled to kB and MB.
    """
    return tqdm(
        total=total,
        desc=description,
        unit=unit,
        unit_scale=unit == "B",
        delay=DELAY_S,
        disable=None,
        leave=False,
        dynamic_ncols=True,
        file=bars(),
    )


def bars() -> TextIO:
    """Stderr for progress bars: the stream's attribute ``bars`` where a program has put one there.

    A program that shows control characters as escapes must let bars move back in their line.
    """
    stream: TextIO = getattr(sys.stderr, "bars", sys.stderr)
    return stream
