"""One progress bar for everything that can take longer than a few seconds."""

from __future__ import annotations

from typing import Protocol, Self

from tqdm import tqdm

#: Seconds before a bar appears: short work stays silent.
DELAY_S = 2.0


class Bar(Protocol):
    """What a progress bar offers to the code that works."""

    def update(self, n: float = 1) -> object:
        """Advance by ``n`` units."""

    def close(self) -> object:
        """Remove the bar."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *error: object) -> object: ...


def progress(total: int | None, description: str, unit: str = "img") -> Bar:
    """A bar on stderr with rate and time left, silent where stderr is no terminal.

    Args:
        total: Units of work, or None where unknown.
        description: What is being done, in a few words.
        unit: The unit's short name; ``"B"`` is scaled to kB and MB.
    """
    bar: Bar = tqdm(
        total=total,
        desc=description,
        unit=unit,
        unit_scale=unit == "B",
        delay=DELAY_S,
        disable=None,
        leave=False,
        dynamic_ncols=True,
    )
    return bar
