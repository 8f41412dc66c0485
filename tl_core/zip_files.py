"""Open a zip file from a stranger within the limits on archives."""

from __future__ import annotations

import zipfile
import zlib
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tl_core.limits import limits

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: Errors of reading a damaged zip file or a part of it, in which any number can be wrong.
ZIP_ERRORS = (
    *(zipfile.BadZipFile, EOFError, OSError, zlib.error, NotImplementedError, MemoryError),
    *(ValueError, LookupError, TypeError, RuntimeError, OverflowError),
)
#: The ways to compress that zipfile unpacks piece by piece.
_PIECEWISE = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@contextmanager
def checked_zip(path: Path) -> Iterator[zipfile.ZipFile]:
    """A zip file whose entries are within ``limits()``: their number and their unpacked bytes.

    zipfile never gives more of an entry than the size that was checked.

    Raises:
        BadZipFile: No zip file, above a limit, or compressed in another way than by deflate.
    """
    with zipfile.ZipFile(path) as file:
        entries = file.infolist()
        size, most = sum(entry.file_size for entry in entries), limits()
        if len(entries) > most.archive_members or size > most.archive_bytes:
            raise zipfile.BadZipFile(
                f"{len(entries):,} files of {size:,} bytes unpacked, at most "
                f"{most.archive_members:,} and {most.archive_bytes:,} are allowed (limits "
                "archive_members and archive_bytes)"
            )
        if any(entry.compress_type not in _PIECEWISE for entry in entries):
            raise zipfile.BadZipFile("compressed in another way than by deflate")
        yield file
