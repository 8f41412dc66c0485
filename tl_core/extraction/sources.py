"""Where pictures come from: a folder, a pattern, a list, Parquet; listed in a fixed order."""

from __future__ import annotations

import glob
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tl_core.errors import DataError
from tl_core.extraction.files import (
    entries,
    is_file,
    is_folder,
    is_url,
    joined,
    matches,
    opened,
    picture_bytes,
    public,
)
from tl_core.extraction.parquet import MARK, Rows, column_texts, find_column, row_names
from tl_core.extraction.walk import in_order, pictures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

PARQUET, LIST = ".parquet", ".txt"


@dataclass(frozen=True)
class Source:
    """Pictures by name, in a fixed order.

    Attributes:
        text: What the user named, without secrets.
        kind: One of ``folder``, ``pattern``, ``list``, ``parquet`` (of bytes) and ``parquet
            paths``.
        base: What names are relative to: an absolute path, a URL, or empty.
        path: The pattern, or the file or folder that lists the names.
        column: Of Parquet, the column; else None.
    """

    text: str
    kind: str
    base: str
    path: str
    column: str | None = None

    def names(self) -> Iterator[str]:
        """The pictures' names; DataError where they can't be listed."""
        names: Iterator[str] = _NAMES[self.kind](self)
        return names

    def reader(self, names: Sequence[str]) -> Callable[[int], bytes]:
        """What gives the bytes of the picture at a place of ``names``, each once, to any thread.

        It raises ImageError for one that can't be read, and DataError where none can be read now.
        """
        if self.kind == "parquet":
            return Rows(self.base, self.column or "", names)
        return lambda place: picture_bytes(joined(self.base, names[place]), names[place])

    def visible(self, names: Iterable[str]) -> str | None:
        """The first file of these pictures that this machine has; None if all are behind URLs."""
        for name in names:
            file = name.rpartition(MARK)[0] if self.kind == "parquet" else name
            path = joined(self.base, file)
            if not is_url(path) and Path(path).exists():
                return path
        return None


def find_source(text: str, column: str | None = None) -> Source:
    """What a text names; nothing is listed yet.

    Args:
        text: A folder of pictures or of Parquet files, a pattern, a ``.txt`` file with a path or
            URL per line (relative to its folder), a Parquet file, or a URL of one of these.
        column: The column of Parquet; None takes the only one that can be meant.

    Raises:
        DataError: There is nothing of this name, or it has no such column.
    """
    path = text if is_url(text) else str(Path(text).expanduser().absolute())
    if column is not None and not _is_parquet(path):
        raise DataError(f"{public(text)}: column {column}, but it isn't Parquet; leave it out")
    if _is_parquet(path):
        return _parquet(public(text), path, column)
    if is_folder(path):
        return Source(public(text), "folder", path, path)
    if path.endswith(LIST) and is_file(path):
        return Source(public(text), "list", _parent(path), path)
    if is_file(path):
        return Source(public(text), "pattern", "", path if is_url(path) else glob.escape(path))
    if glob.has_magic(path):
        return Source(public(text), "pattern", "", path)
    raise DataError(
        f"{public(text)}: no such file or folder; expected a folder, a pattern such as "
        "'photos/*.jpg', a .txt file with a path per line, Parquet, or a URL of one of these"
    )


def _is_parquet(path: str) -> bool:
    """Whether a path is a Parquet file, a pattern of such, or a folder that has some directly."""
    if path.lower().endswith(PARQUET):
        return True
    if not is_folder(path):
        return False
    try:
        return any(name.lower().endswith(PARQUET) for name in entries(path))
    except OSError as error:
        raise DataError(
            f"{public(path)}: can't be listed ({error.strerror}); allow this user to read it"
        ) from error


def _parquet(text: str, path: str, column: str | None) -> Source:
    base = path if is_folder(path) else _parent(path) if not glob.has_magic(path) else ""
    unknown = Source(text, "parquet", base, path)
    first = next(_parquet_files(unknown), None)
    if first is None:
        raise DataError(f"{text}: no such file; expected a Parquet file, or a folder of such")
    found, has_bytes = find_column(joined(base, first), column)
    kind = "parquet" if has_bytes else "parquet paths"
    return Source(text, kind, base, path, found)


def _parquet_files(source: Source) -> Iterator[str]:
    """Names of the Parquet files, relative to the base, in order."""
    path, base = source.path, source.base
    if glob.has_magic(path) and not base:
        yield from in_order(matches(path))
    elif path == base:
        yield from (each for each in in_order(entries(base)) if each.lower().endswith(PARQUET))
    elif is_file(path):
        yield path.removeprefix(base).lstrip("/\\")


def _lines(source: Source) -> Iterator[str]:
    with opened(source.path) as file:
        for line in file:
            name = os.fsdecode(line).rstrip("\r\n")
            if name.strip():
                yield name


def _texts(source: Source) -> Iterator[str]:
    return column_texts(source.base, _parquet_files(source), source.column or "")


def _parent(path: str) -> str:
    return path.rpartition("/")[0] if is_url(path) else str(Path(path).parent)


_NAMES: dict[str, Callable[[Source], Iterator[str]]] = {
    "folder": lambda source: pictures(source.path),
    "pattern": lambda source: in_order(matches(source.path)),
    "list": _lines,
    "parquet": lambda source: row_names(source.base, _parquet_files(source)),
    "parquet paths": _texts,
}
