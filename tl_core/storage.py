"""Where models and features are kept, and how files are written: whole or not at all."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

if TYPE_CHECKING:
    from collections.abc import Iterator


def cache_dir() -> Path:
    """The folder for converted models: ``TLBENCH_CACHE``, else the user's cache folder."""
    override = os.environ.get("TLBENCH_CACHE")
    return Path(override).expanduser() if override else Path(platformdirs.user_cache_dir("tlbench"))


def sha256_of(path: Path) -> str:
    """The file's sha256 as 64 hexadecimal digits, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@contextmanager
def atomic_file(target: Path) -> Iterator[Path]:
    """A temporary path beside ``target`` that takes its place only if the block ends well.

    Args:
        target: The file to write; its folder is made where absent.

    Yields:
        The path to write to, in the same folder, so that the final rename is atomic.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    os.close(handle)
    part = Path(name)
    try:
        yield part
        part.chmod(0o666 & ~_umask())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def atomic_dir(target: Path) -> Iterator[Path]:
    """A temporary folder beside ``target`` that takes its place only if the block ends well.

    An older folder at ``target`` is set aside, and put back if the rename fails. Where another
    process got there in between, the last one stays.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent))
    try:
        yield part
        part.chmod(0o777 & ~_umask())
        _swap_in(part, target)
    finally:
        shutil.rmtree(part, ignore_errors=True)


def _swap_in(part: Path, target: Path) -> None:
    """Rename ``part`` to ``target``; no file system call exchanges two folders everywhere."""
    old = part.with_suffix(".old")
    with suppress(FileNotFoundError):
        target.rename(old)
    try:
        part.rename(target)
    except OSError:
        if not target.exists():
            old.rename(target)
            raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _umask() -> int:
    """The process's umask, which mkstemp ignores; reading it means setting it for a moment."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
