"""The progress bar of what goes through many files."""

from __future__ import annotations

from tqdm import tqdm

#: Seconds before a bar appears: short work stays silent.
DELAY_S = 2.0


def progress(total: int, description: str, unit: str) -> tqdm[None]:
    """A bar on stderr with rate and time left; silent where stderr is no terminal."""
    return tqdm(
        total=total, desc=description, unit=unit, delay=DELAY_S, disable=None, leave=False,
        dynamic_ncols=True,
    )  # fmt: skip
