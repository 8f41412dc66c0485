"""Files that this package writes: whole or not at all, results as well as its cache."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

import platformdirs

from tlbench.errors import InputError


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


def sha256_of(path: Path) -> str:
    """The file's sha256 as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_file(target: Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8, so that an interruption leaves the old one or the new one.

    Its folder is made where absent.

    Raises:
        OSError: It can't be written; an older file is left as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    # Bytes of names that aren't UTF-8 become visible.
    data = content.encode(errors="backslashreplace") if isinstance(content, str) else content
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    part = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        mask = os.umask(0o022)  # which mkstemp ignores; reading it means setting it for a moment
        os.umask(mask)
        part.chmod(0o666 & ~mask)
        part.replace(target)  # in the same folder, so that it is atomic
    finally:
        part.unlink(missing_ok=True)
