"""Pictures in a column of Parquet files: bytes, or their paths."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Any

from tl_core.errors import DataError, ImageError, TransferLearningError, line_of
from tl_core.extraction.files import joined, opened, public

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: Rows that are read at once.
ROWS = 32
#: Between a file's name and a row's number in the name of a picture.
MARK = "#"


def find_column(path: str, wanted: str | None) -> tuple[str, bool]:
    """The column with the pictures, and whether it has their bytes; else their paths.

    A column of bytes may be one of structures with a field ``bytes``; it is then named
    ``NAME.bytes``. Without a ``wanted`` one: the only column of bytes, else the only one of text.

    Raises:
        DataError: There is no such column, or not exactly one.
    """
    import pyarrow as pa

    with parquet_file(path) as file:
        schema = file.schema_arrow
    columns: dict[bool, list[str]] = {True: [], False: []}
    for field in schema:
        name, kind = field.name, field.type
        if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            name, kind = f"{name}.bytes", kind.field("bytes").type
        if wanted in (None, field.name, name):
            if _is_one_of(kind, "binary", "large_binary", "binary_view", "fixed_size_binary"):
                columns[True].append(name)
            elif _is_one_of(kind, "string", "large_string", "string_view"):
                columns[False].append(name)
    for has_bytes, names in columns.items():
        if len(names) == 1:
            return names[0], has_bytes
        if names:
            break
    among = ", ".join(f"{field.name} ({field.type})" for field in schema)[:300]
    what = "no column" if wanted is None else f"no column {wanted}"
    what = "several columns" if any(columns.values()) else what
    raise DataError(
        f"{public(path)}: {what} with pictures; expected one of bytes, or of paths as text. Name "
        f"the column: {among}"
    )


def row_names(base: str, files: Iterator[str]) -> Iterator[str]:
    """A name for each row of the files, in order; only the files' ends are read."""
    for name in files:
        with parquet_file(joined(base, name)) as file:
            rows = file.metadata.num_rows
        yield from (f"{name}{MARK}{row}" for row in range(rows))


def column_texts(base: str, files: Iterator[str], column: str) -> Iterator[str]:
    """A text column's values, in order; empty for null."""
    for name in files:
        with parquet_file(joined(base, name)) as file:
            for batch in file.iter_batches(1024, columns=[column]):
                yield from (value or "" for value in batch.column(0).to_pylist())


@contextmanager
def parquet_file(path: str) -> Iterator[Any]:
    """An open ``ParquetFile``; DataError for one that isn't whole or can't be read."""
    from pyarrow import parquet

    try:
        with opened(path) as file:
            yield parquet.ParquetFile(file, pre_buffer=False)
    except TransferLearningError:
        raise
    except Exception as error:  # pyarrow's errors have many types
        raise DataError(
            f"{public(path)}: can't be read as Parquet ({line_of(error)}); copy it again, or leave "
            "it out"
        ) from error


class Rows:
    """Reads the pictures of consecutive rows, whichever thread asks first.

    Args:
        base: Where the files are.
        column: The column of bytes.
        names: As from ``row_names``.
    """

    def __init__(self, base: str, column: str, names: Sequence[str]) -> None:
        self._lock = threading.Lock()
        self._next = 0
        self._read: dict[int, bytes | None] = {}
        self._fault: str | None = None
        self._names = names
        self._blobs = _blobs(base, column, names)

    def __call__(self, place: int) -> bytes:
        """The bytes of the picture at a place, once; ImageError where the row has none."""
        with self._lock:
            while place not in self._read:
                if self._fault is not None:
                    raise DataError(self._fault)
                self._read[self._next] = self._blob()
                self._next += 1
            blob = self._read.pop(place)
        if blob is None:
            raise ImageError(f"{self._names[place]}: null, expected a picture's bytes")
        return blob

    def _blob(self) -> bytes | None:
        try:
            return next(self._blobs)
        except DataError as error:  # for all that ask, since nothing can be read after it
            self._fault = str(error)
            raise


def _blobs(base: str, column: str, names: Sequence[str]) -> Iterator[bytes | None]:
    split = [name.rpartition(MARK)[::2] for name in names]
    for name, group in groupby(split, key=lambda each: each[0]):
        numbers = [int(number) for _, number in group]
        yield from _column(joined(base, name), column, numbers[0], len(numbers))


def _column(path: str, column: str, first: int, count: int) -> Iterator[bytes | None]:
    """``count`` values from row ``first`` on; row groups before it aren't read.

    DataError if there are fewer, as in a damaged file: the rows that follow have other names.
    """
    with parquet_file(path) as file:
        start = read = 0
        for group in range(file.num_row_groups):
            end = start + file.metadata.row_group(group).num_rows
            if end > first and start < first + count:
                batches = file.iter_batches(ROWS, row_groups=[group], columns=[column])
                for value in _within(batches, first - start, first + count - start):
                    read += 1
                    yield value
            start = end
        if read < count:
            raise ValueError(f"fewer rows than its end says, by {count - read:,}")


def _within(batches: Iterator[Any], first: int, end: int) -> Iterator[bytes | None]:
    start = 0
    for batch in batches:
        if start >= end:
            return
        skip = max(0, first - start)
        if skip < len(batch):
            for value in batch.column(0)[skip : end - start].to_pylist():
                yield value["bytes"] if isinstance(value, dict) else value
        start += len(batch)


def _is_one_of(kind: Any, *names: str) -> bool:  # noqa: ANN401 - pyarrow has no types
    from pyarrow import types

    return any(getattr(types, f"is_{name}")(kind) for name in names)
