"""The cache folder, and atomic writing: a file or folder is written completely or not at all."""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import re
import secrets
import shutil
import sys
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from tl_core.errors import StorageError, TransferLearningError, line_of

if sys.platform == "win32":  # where what a killed process leaves behind stays
    from filelock import FileLock
else:
    import fcntl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Endings of what is being written, and of an older folder that is being replaced.
PART, OLD = ".part", ".old"
#: What TensorFlow and NumPy say on a full disk, in errors that have no number.
_FULL = re.compile(r"No space left on device|\d+ requested and \d+ written")
#: Numbers of the system's errors about disks and folders.
_FAULTS = {
    *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EACCES, errno.EPERM),
    *(errno.ENOENT, errno.ENOTDIR, errno.EEXIST),
}


def cache_dir() -> Path:
    """``TLBENCH_CACHE``, else the user's cache folder: models, conversions and features.

    Raises:
        TransferLearningError: Neither is known.
    """
    override = os.environ.get("TLBENCH_CACHE")
    with suppress(RuntimeError):  # no home folder
        if override:
            return Path(override).expanduser()
        folder = Path(platformdirs.user_cache_dir("tlbench"))
        if folder.is_absolute():  # else it begins with ~
            return folder
    raise TransferLearningError(
        "no folder for the cache: HOME isn't set, and the user's id has no home folder; set "
        "TLBENCH_CACHE to a folder that can be written"
    )


def sha256_of(path: Path) -> str:
    """The file's sha256 as 64 hexadecimal digits, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def tree_digest(folder: Path) -> str:
    """The sha256 of a folder's files and their names, as 64 hexadecimal digits."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    lines = [f"{path.relative_to(folder).as_posix()} {sha256_of(path)}\n" for path in files]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


@contextmanager
def atomic_file(target: Path, *, clean: bool = True) -> Iterator[Path]:
    """A temporary path beside ``target`` that replaces it only if the block succeeds.

    It is in the same folder, which is made if absent, so that the final rename is atomic. What
    killed processes left there for this target is removed, unless ``clean`` is false: the folder is
    then not searched.
    """
    with _part(target, lambda part: part.touch(exist_ok=False), clean=clean) as part:
        yield part
        part.replace(target)


@contextmanager
def atomic_dir(target: Path) -> Iterator[Path]:
    """A temporary folder beside ``target`` that replaces it only if the block succeeds.

    An older folder at ``target`` is moved away, and restored if the rename fails or is interrupted.
    If another process wrote there in between, one of the two folders remains, complete. What killed
    processes left there for this target is removed.
    """
    with _part(target, Path.mkdir) as part:
        yield part
        _swap_in(part, target)


@contextmanager
def _part(target: Path, make: Callable[[Path], None], *, clean: bool = True) -> Iterator[Path]:
    """A new temporary file or folder beside ``target``, which is locked and at last removed."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if clean:
        remove_leftovers(target.parent, target.name)
    while True:
        part = target.with_name(f".{target.name}.{secrets.token_hex(4)}{PART}")
        make(part)
        with _lock(part) as locked:
            if locked and part.exists():  # else another process took it for a leftover
                try:
                    yield part
                finally:
                    _remove(part)
                return


def remove_leftovers(folder: Path, name: str | None = None) -> None:
    """Remove temporary files and folders whose writers were killed: of one target, or of all."""
    of = "*" if name is None else glob.escape(name)
    for ending in (PART, OLD) if sys.platform != "win32" else ():
        for path in folder.glob(f".{of}.*{ending}"):
            with _lock(path) as locked:
                if locked:
                    _remove(path)


@contextmanager
def _lock(path: Path) -> Iterator[bool]:
    """Hold a file's or folder's own lock, which ends with this process; False if another has it."""
    if sys.platform == "win32":
        yield True
        return
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:  # gone
        yield False
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        yield False
    else:
        yield True
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def cached_dir(
    target: Path, is_whole: Callable[[Path], bool], write: Callable[[Path], object]
) -> Path:
    """The folder itself, which ``write`` fills now if it is absent or incomplete.

    If another process is filling it, this one waits.

    Raises:
        StorageError: It can't be written.
    """
    if not is_whole(target):
        with storing(target), locked(target):
            if not is_whole(target):
                with atomic_dir(target) as folder:
                    write(folder)
    return target


@contextmanager
def storing(target: Path, advice: str = "set TLBENCH_CACHE to another folder") -> Iterator[None]:
    """Turn errors of a full, read-only or removed folder into a StorageError.

    ``advice`` says where else to store it, by default in another cache.
    """
    try:
        yield
    except TransferLearningError:
        raise
    except Exception as error:
        if not _is_fault(error, target):
            raise
        full = _FULL.search(str(error))  # TensorFlow's text begins with a long path
        reason = getattr(error, "strerror", None) or (full[0] if full else line_of(error))
        raise StorageError(
            f"{target} can't be written ({reason}); expected a folder that can be written, has "
            f"room, and stays. Free space there, or {advice}"
        ) from error


def _is_fault(error: Exception, target: Path) -> bool:
    """Whether an error says that the target can't be written."""
    if not target.parent.is_dir():  # removed meanwhile, whatever fails for this reason
        return True
    if isinstance(error, OSError) and error.errno is not None:
        place = Path(str(error.filename or target))
        ours = place.is_relative_to(target.parent) or target.is_relative_to(place)
        return ours and error.errno in _FAULTS
    return says_full(error)


def says_full(error: Exception) -> bool:
    """Whether the text of another library's error is that of a full disk."""
    return _FULL.search(str(error)) is not None


@contextmanager
def locked(target: Path) -> Iterator[None]:
    """Hold the lock of a file or folder, which needn't exist; wait for whoever has it.

    The lock ends with its process. Its file, beside the target, is removed with it.
    """
    file = target.with_name(f".{target.name}.lock")
    file.parent.mkdir(parents=True, exist_ok=True)
    if sys.platform == "win32":
        with FileLock(file):
            yield
        return
    while True:
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            if _is_at(file, descriptor):  # else the last holder has removed it
                try:
                    yield
                finally:
                    with suppress(OSError):  # the folder is gone, or read-only by now
                        file.unlink()
                return
        finally:
            os.close(descriptor)


def _is_at(path: Path, descriptor: int) -> bool:
    with suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    return False


def _swap_in(part: Path, target: Path) -> None:
    """Rename ``part`` to ``target``; no call exchanges two folders on every file system."""
    old = part.with_suffix(OLD)
    try:
        with suppress(FileNotFoundError):
            target.rename(old)
        part.rename(target)
    except BaseException as error:  # Ctrl-C between the two renames must not cost the old folder
        if not target.exists():
            if old.exists():
                old.rename(target)
            raise
        if not (isinstance(error, OSError) and error.errno in {errno.EEXIST, errno.ENOTEMPTY}):
            raise  # else another writer was faster: theirs stays
    finally:
        if target.exists():
            shutil.rmtree(old, ignore_errors=True)
