"""The cache folder, and temporary folders in it that no process leaves behind."""

from __future__ import annotations

import os
import secrets
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from tlbench import locks
from tlbench.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator


def cache_dir() -> Path:
    """The cache folder: ``TLBENCH_CACHE``, else the user's cache folder.

    Raises:
        InputError: Neither is known.
    """
    override = os.environ.get("TLBENCH_CACHE")
    with suppress(RuntimeError):  # no home folder
        if override:
            return Path(override).expanduser()
        folder = Path(platformdirs.user_cache_dir("tlbench"))
        if folder.is_absolute():  # else it begins with ~
            return folder
    raise InputError(
        "no folder for the cache: HOME isn't set, and the user's id has no home folder; set "
        "TLBENCH_CACHE to a folder that can be written"
    )


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
