"""SavedModel folders in compressed tar files, unpacked once into the cache."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath
from typing import TYPE_CHECKING

from tl_core.errors import ModelError
from tl_core.models.pins import check_pin
from tl_core.models.savedmodel import fault, find_root, root_fault
from tl_core.storage import cache_dir, cached_dir, sha256_of
from tl_core.tar_files import ArchiveError, read_members, unsafe_member

if TYPE_CHECKING:
    from collections.abc import Iterator
    from tarfile import TarInfo

SUFFIXES = (".tar.gz", ".tgz")


def is_archive(path: Path) -> bool:
    """Whether the file's name says that it is a compressed tar file."""
    return path.name.lower().endswith(SUFFIXES)


def unpack(path: Path, pin: str | None = None) -> Path:
    """The SavedModel folder of an archive, a ``.tar.gz`` of exactly one, unpacked the first time.

    The cache key is the archive's sha256, so that a new file of the same name is unpacked again.

    Raises:
        ModelError: As for ``extract``, or the sha256 isn't the pin.
    """
    try:
        sha256 = sha256_of(path)
    except OSError as error:
        raise ModelError(f"{path}: can't be read ({error}); expected a .tar.gz") from error
    check_pin(str(path), sha256, pin)
    target = cache_entry(sha256)
    return find_root(cached_dir(target, is_whole, lambda folder: extract(path, str(path), folder)))


def cache_entry(sha256: str) -> Path:
    """The folder in which the archive of this checksum is unpacked; it may be absent."""
    return cache_dir() / "archives" / sha256


def is_whole(folder: Path) -> bool:
    """Whether a folder has one complete SavedModel."""
    return root_fault(folder) is None


def extract(path: Path, name: str, folder: Path) -> None:
    """Unpack an archive into an empty folder; errors call it by ``name``.

    Members that would be written outside the folder, links, devices and sparse files are refused.

    Raises:
        ModelError: Cut off, unsafe, above a limit, or without exactly one complete SavedModel.
    """
    try:
        for member, content in read_members(path):
            _write(member, content, folder)
    except ArchiveError as error:
        raise ModelError(f"{name}: {error}") from error
    except (OSError, ValueError) as error:  # ValueError: a name that no system takes
        raise ModelError(
            f"{name}: can't be unpacked ({error}); expected room for it in {folder.parent}, and "
            "names that this system takes"
        ) from error
    _check(name, folder)


def _write(member: TarInfo, content: Iterator[bytes] | None, folder: Path) -> None:
    """Write one file or folder; tarfile's own filters came only with Python 3.11.4."""
    # Windows splits at both kinds of slash.
    path = PureWindowsPath(member.name)
    if path.anchor or ".." in path.parts or not (content or member.isdir()):
        raise unsafe_member(member.name)
    target = folder / member.name
    if content is None:
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("wb") as file:
        file.writelines(content)


def _check(name: str, folder: Path) -> None:
    try:
        problem = fault(find_root(folder))
    except ModelError as error:
        raise ModelError(f"{name}: contains {error}. Pack the folder of one model") from error
    if problem:
        raise ModelError(
            f"{name}: contains a broken SavedModel ({problem}); pack or download it again"
        )
