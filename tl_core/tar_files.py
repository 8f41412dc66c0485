"""Read the members of a tar file, plain or compressed by gzip, within the limits on archives."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, BinaryIO, cast

from tl_core.errors import line_of
from tl_core.limits import limits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Bytes read at a time.
PIECE_BYTES = 1 << 16
#: The longest path that systems open, in characters.
NAME_LENGTH = 4096
#: Characters of a member's name in an error.
SHOWN = 100
_GZIP = b"\x1f\x8b"
#: Errors of reading a cut-off or damaged archive, in which any number can be wrong.
_READ_ERRORS = (
    *(tarfile.TarError, EOFError, OSError, zlib.error),
    *(ValueError, LookupError, RecursionError, OverflowError),
)


Member = tuple[tarfile.TarInfo, "Iterator[bytes] | None"]


class ArchiveError(Exception):
    """What is wrong with an archive, and what to do; readers add its name."""


def read_members(path: Path) -> Iterator[Member]:
    """The members of an archive in their order, each with its content; None if it isn't a file.

    A member is checked before it is yielded: the sum of all sizes and the number of files and
    folders so far are within ``limits()``, and it isn't sparse. Its content, in pieces, must be
    read before the next member.

    Raises:
        ArchiveError: Cut off, damaged, or above a limit; also while a content is read.
    """
    with _damage_reported(), _opened(path) as stream:
        guard = _Guard(stream, _header_bytes())
        with tarfile.open(fileobj=cast("BinaryIO", guard), mode="r:") as tar:
            yield from _checked(tar, guard)
            while guard.read(PIECE_BYTES):  # to the end, where gzip's checksum is
                pass


def unsafe_member(name: str) -> ArchiveError:
    """The error for a member that is refused; only the beginning of a long name is shown."""
    return ArchiveError(
        f"unsafe member {name[:SHOWN]!r}; expected plain files and folders below the root. Don't "
        "use this archive"
    )


def _checked(tar: tarfile.TarFile, guard: _Guard) -> Iterator[Member]:
    """The members, while they are within the limits."""
    size, paths = 0, set[PurePosixPath]()
    for count, member in enumerate(tar, 1):
        if member.size < 0 or member.issparse() or len(member.name) > NAME_LENGTH:
            raise unsafe_member(member.name)
        size += member.size
        if size > limits().archive_bytes:
            raise _above("bytes unpacked", "archive_bytes", limits().archive_bytes)
        if (path := PurePosixPath(member.name)) not in paths:
            paths.update((path, *path.parents[:-1]))  # not every folder is a member
        if max(count, len(paths)) > limits().archive_members:
            raise _above("files and folders", "archive_members", limits().archive_members)
        with guard.content(member.size):
            content = tar.extractfile(member) if member.isreg() else None
            yield member, _pieces(content) if content else None


def _pieces(content: IO[bytes]) -> Iterator[bytes]:
    with _damage_reported():
        while piece := content.read(PIECE_BYTES):
            yield piece


class _Guard:
    """A stream that gives tarfile only so many bytes: it reads headers of any size to memory."""

    def __init__(self, stream: BinaryIO, header_bytes: int) -> None:
        self._stream, self._left = stream, header_bytes
        self.seek, self.tell = stream.seek, stream.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= self._left:
            raise ArchiveError(
                "has more data beside its files than headers take; expected plain files and "
                "folders. Don't use this archive"
            )
        self._left -= size
        return self._stream.read(size)

    @contextmanager
    def content(self, size: int) -> Iterator[None]:
        """Allow to read a member's content, besides the headers."""
        headers, self._left = self._left, size
        yield
        self._left = headers


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    with path.open("rb") as file:
        is_gzip = file.read(len(_GZIP)) == _GZIP
        file.seek(0)
        if not is_gzip:
            yield file
            return
        with gzip.GzipFile(fileobj=file) as stream:
            yield cast("BinaryIO", stream)


@contextmanager
def _damage_reported() -> Iterator[None]:
    try:
        yield
    except _READ_ERRORS as error:
        raise ArchiveError(
            f"can't be unpacked ({line_of(error)}); expected a whole .tar.gz. If it was cut off, "
            "download it again"
        ) from error


def _header_bytes() -> int:
    """Bytes for all headers: some blocks for each member, and padding of the whole."""
    return (1 << 20) + 4 * tarfile.BLOCKSIZE * limits().archive_members


def _above(what: str, name: str, limit: int) -> ArchiveError:
    return ArchiveError(
        f"more than {limit:,} {what}; expected at most that (limit {name}). Raise the limit only "
        "if you trust the file"
    )
