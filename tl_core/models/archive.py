"""SavedModel folders in compressed tar files, unpacked once into the cache."""

from __future__ import annotations

import gzip
import shutil
import tarfile
import zlib
from pathlib import Path, PureWindowsPath

from tl_core.errors import ModelError
from tl_core.models.savedmodel import fault, find_root, root_fault
from tl_core.storage import cache_dir, cached_dir, sha256_of

SUFFIXES = (".tar.gz", ".tgz")
#: Bytes read at a time if only the checksum matters.
READ_BYTES = 1 << 20
#: Errors of reading a cut-off or damaged archive; OSError also for a missing file.
_READ_ERRORS = (tarfile.TarError, EOFError, zlib.error, OSError)


def is_archive(path: Path) -> bool:
    """Whether the file's name says that it is a compressed tar file."""
    return path.name.lower().endswith(SUFFIXES)


def unpack(path: Path) -> Path:
    """The SavedModel folder of an archive, a ``.tar.gz`` of exactly one, unpacked the first time.

    The cache key is the archive's sha256, so that a new file of the same name is unpacked again.
    Members that would be written outside the folder, and devices, are refused.

    Raises:
        ModelError: Cut off, unsafe, or without exactly one complete SavedModel.
    """
    try:
        target = cache_dir() / "archives" / sha256_of(path)
    except OSError as error:
        raise ModelError(f"{path}: can't be read ({error}); expected a .tar.gz") from error

    def write(folder: Path) -> None:
        _extract(path, folder)
        _check(path, folder)

    return find_root(cached_dir(target, lambda folder: root_fault(folder) is None, write))


def _extract(path: Path, folder: Path) -> None:
    try:
        with gzip.open(path) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
            for member in tar:
                _extract_member(path, tar, member, folder)
            while stream.read(READ_BYTES):  # to the end, where gzip's checksum is
                pass
    except _READ_ERRORS as error:
        raise ModelError(
            f"{path}: can't be unpacked ({error or type(error).__name__}); expected a whole "
            ".tar.gz. If it was cut off, download it again"
        ) from error


def _extract_member(
    path: Path, tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path
) -> None:
    """Write one file or folder; tarfile's own filters came only with Python 3.11.4."""
    name = member.name
    # Windows splits at both kinds of slash.
    outside = PureWindowsPath(name).anchor or ".." in PureWindowsPath(name).parts
    content = tar.extractfile(member) if member.isreg() else None
    if outside or not (content or member.isdir()):
        raise ModelError(
            f"{path}: unsafe member {name!r}; expected plain files and folders below the root. "
            "Don't use this archive"
        )
    target = folder / name
    if content is None:
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with content, target.open("wb") as file:
        shutil.copyfileobj(content, file)


def _check(path: Path, folder: Path) -> None:
    try:
        problem = fault(find_root(folder))
    except ModelError as error:
        raise ModelError(f"{path}: contains {error}. Pack the folder of one model") from error
    if problem:
        raise ModelError(
            f"{path}: contains a broken SavedModel ({problem}); pack or download it again"
        )
