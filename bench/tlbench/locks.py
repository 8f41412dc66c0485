"""Locks that end with the processes that hold them, however these end; none on Windows.

``flock`` belongs to an open file: the kernel releases it when the last process that has the file
open ends, also after ``kill -9`` or a power cut. Process ids would not do: they are reused, and
differ between containers.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if sys.platform != "win32":
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Ending of the lock file, which is beside the locked file or folder.
SUFFIX = ".lock"
#: Children don't get it; nobody else's link leads elsewhere.
_FLAGS = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)


@contextmanager
def lock(path: Path, *, wait: bool = True) -> Iterator[int | None]:
    """Hold the lock of a file or folder, which needn't exist.

    The lock file is removed with the lock; that of a killed process, by ``leftovers``.

    Yields:
        The lock's file descriptor: a child process that gets it also holds the lock, until it
        ends. None if another process has the lock and ``wait`` is false.
    """
    file = path.with_name(path.name + SUFFIX)
    file.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _locked(file, wait=wait)
    if descriptor is None:
        yield None
        return
    try:
        yield descriptor
    finally:
        file.unlink(missing_ok=True)
        os.close(descriptor)


def leftovers(folder: Path) -> Iterator[Path]:
    """Paths in a folder whose lock nobody holds; the lock is held while a path is yielded.

    A path that is yielded may be gone, with only its lock file left.
    """
    names = {path.name.removesuffix(SUFFIX) for path in folder.glob("*")}
    for name in sorted(names):
        with lock(folder / name, wait=False) as descriptor:
            if descriptor is not None:
                yield folder / name


def locked(file: Path) -> int:
    """Wait for the lock of a file itself, which is made if absent.

    Returns:
        Its file descriptor, open for reading and writing. It holds the lock until it is closed.
    """
    descriptor = _locked(file, wait=True)
    assert descriptor is not None  # noqa: S101 - it waited
    return descriptor


def _locked(file: Path, *, wait: bool) -> int | None:
    """Open and lock the file; None if another process has the lock and ``wait`` is false."""
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | _FLAGS, 0o666)
        try:
            if sys.platform != "win32":
                fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            if _is_still(file, descriptor):
                return descriptor
        except BlockingIOError:
            os.close(descriptor)
            return None
        except BaseException:  # Ctrl-C while waiting
            os.close(descriptor)
            raise
        os.close(descriptor)


def _is_still(file: Path, descriptor: int) -> bool:
    """Whether the locked file is still at this path: the last holder may have removed it."""
    with suppress(FileNotFoundError):
        return os.path.samestat(file.stat(), os.fstat(descriptor))
    return False
