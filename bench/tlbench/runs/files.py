"""Files that this package writes: whole or not at all, results as well as its cache."""

from __future__ import annotations

import hashlib
import os
import tempfile
from pathlib import Path

import platformdirs


def cache_dir() -> Path:
    """The cache folder: ``TLBENCH_CACHE``, else the user's cache folder."""
    override = os.environ.get("TLBENCH_CACHE")
    return Path(override).expanduser() if override else Path(platformdirs.user_cache_dir("tlbench"))


def sha256_of(path: Path) -> str:
    """The file's sha256 as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_target(target: Path) -> None:
    """Find out, before work is done for it, whether a file can be written; OSError if not."""
    if target.is_dir():
        raise IsADirectoryError(f"{target} is a folder; expected a file to write")
    check_folder(target.parent)


def check_folder(folder: Path) -> None:
    """Find out whether files can be written to a folder, which is made; OSError if not."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"\0")


def write_file(target: Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8, so that an interruption leaves the old one or the new one.

    Its folder is made where absent.

    Raises:
        OSError: It can't be written; an older file is left as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
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
