"""Locks that end with the processes that hold them, however these end; POSIX only.

``flock`` belongs to an open file: the kernel drops it with the last process that has the file
open. So after ``kill -9`` or a power cut nothing has to be guessed from process numbers, which are
reused, and mean nothing from inside another container.
"""

from __future__ import annotations

import fcntl
import os
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Ending of the lock file beside what it stands for.
SUFFIX = ".lock"


@contextmanager
def lock(path: Path, *, wait: bool = True) -> Iterator[int | None]:
    """Hold the lock of a file or folder, which needn't exist.

    The lock file lies beside it as long as it is held, or until ``leftovers`` comes across it.

    Yields:
        The lock's file descriptor: a child that gets it holds the lock too, until it ends. None
        where another has it and ``wait`` is false.
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
    """What nobody holds in a folder of locked things, each with its lock held while it is yielded.

    A path that is yielded may be gone, with only its lock file left.
    """
    names = {path.name.removesuffix(SUFFIX) for path in folder.glob("*")}
    for name in sorted(names):
        with lock(folder / name, wait=False) as descriptor:
            if descriptor is not None:
                yield folder / name


def _locked(file: Path, *, wait: bool) -> int | None:
    """Open and lock the file; None where another has the lock and ``wait`` is false."""
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
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
    """Whether the locked file is the one at this path: who had the lock may have removed it."""
    with suppress(FileNotFoundError):
        return os.path.samestat(file.stat(), os.fstat(descriptor))
    return False
