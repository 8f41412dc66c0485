"""The cache folder, and temporary folders in it that no process leaves behind."""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from tlbench import locks

if TYPE_CHECKING:
    from collections.abc import Iterator


def cache_dir() -> Path:
    """The cache folder: ``TLBENCH_CACHE``, else the user's cache folder."""
    override = os.environ.get("TLBENCH_CACHE")
    return Path(override).expanduser() if override else Path(platformdirs.user_cache_dir("tlbench"))


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """A new folder in the cache, removed after the block.

    Those of processes that were killed are removed first, which the system's folder for temporary
    files would keep.
    """
    store = cache_dir().resolve() / "temporary"
    for left in locks.leftovers(store):
        shutil.rmtree(left, ignore_errors=True)
    place = store / secrets.token_hex(4)
    with locks.lock(place):
        try:
            place.mkdir()
            yield place
        finally:
            shutil.rmtree(place, ignore_errors=True)
