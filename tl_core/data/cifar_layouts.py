"""The file formats of CIFAR-10, and how to read each of them."""

from __future__ import annotations

import reprlib
from dataclasses import dataclass
from math import prod
from pathlib import Path, PurePosixPath
from tokenize import TokenError
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tl_core.data.dataset import DataSet, Split
from tl_core.data.restricted_pickle import read_pickle
from tl_core.errors import DataError, line_of
from tl_core.sources import ArraySource
from tl_core.tar_files import ArchiveError, read_members
from tl_core.zip_files import ZIP_ERRORS, checked_zip

if TYPE_CHECKING:
    import zipfile
    from collections.abc import Callable, Iterator

NAME = "cifar10"
#: In label order, as in the official meta files.
CLASS_NAMES: tuple[str, ...] = (
    *("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
)
#: Images in each of the six batch files.
RECORDS = 10_000
#: Bytes of an image: three planes (red, green, blue) of 32 x 32, row by row.
PIXELS = 3 * 32 * 32
#: Bytes of a file beside its pixels: labels, file names, class names.
_EXTRA_BYTES = 1 << 20
Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]


@dataclass(frozen=True)
class Layout:
    """One official layout: six batch files, the test file last, and one of class names, if any.

    Attributes:
        parse: Takes a batch file's bytes, its name for errors and its number of images; returns
            planes, uint8 ``(n, 3072)``, and labels, int64 ``(n,)``.
        names: Takes the meta file's bytes and its name; returns the class names.
    """

    batches: tuple[str, ...]
    meta: str
    parse: Callable[[bytes, str, int], Batch]
    names: Callable[[bytes, str], tuple[str, ...]]


def read_folder(folder: Path, layout: Layout, records: int = RECORDS) -> DataSet:
    """Read the unpacked files of one layout; DataError if one is missing or damaged."""

    def files() -> Iterator[tuple[str, bytes]]:
        for path in (folder / name for name in (*layout.batches, layout.meta)):
            if path.is_file():
                _check_size(f"{folder}: {path.name}", path.stat().st_size, records)
                yield path.name, path.read_bytes()

    return _assembled(folder, files(), layout, records)


def read_archive(path: Path, layout: Layout, records: int = RECORDS) -> DataSet:
    """Read the files of one layout from a tar file, in one pass and without unpacking it."""

    def files() -> Iterator[tuple[str, bytes]]:
        for member, content in read_members(path):
            name = PurePosixPath(member.name).name
            if content and name in (*layout.batches, layout.meta):
                _check_size(f"{path}: {name}", member.size, records)
                yield name, b"".join(content)

    try:
        return _assembled(path, files(), layout, records)
    except ArchiveError as error:
        raise DataError(
            f"{path}: {error} ({path.stat().st_size:,} bytes; an official CIFAR-10 archive has "
            "about 170 MB)"
        ) from error


def _check_size(name: str, size: int, records: int) -> None:
    """Refuse a file that is much larger than the pixels, before it is read."""
    most = 2 * records * PIXELS + _EXTRA_BYTES
    if size > most:
        raise DataError(
            f"{name}: {size:,} bytes, expected at most {most:,} for {records} images: another "
            "file; fetch it again"
        )


def read_npz(path: Path, records: int = RECORDS) -> DataSet:
    """Read an ``.npz`` with x_train, y_train, x_test and y_test, as Keras returns them."""
    try:
        with checked_zip(path) as file:
            splits = [
                _npz_split(file, kind, n) for kind, n in (("train", 5 * records), ("test", records))
            ]
    except (*ZIP_ERRORS, SyntaxError, TokenError) as error:  # the last two of a damaged header
        raise DataError(
            f"{path}: {line_of(error)}; expected x_train uint8 ({5 * records}, 32, 32, 3), "
            f"y_train, x_test ({records}, 32, 32, 3) and y_test, saved by numpy.savez"
        ) from error
    return DataSet(NAME, CLASS_NAMES, *splits)


def _npz_split(file: zipfile.ZipFile, kind: str, n: int) -> Split:
    pixels = _npz_array(file, f"x_{kind}", "B", (n, 32, 32, 3))
    labels = _npz_array(file, f"y_{kind}", np.typecodes["AllInteger"], (n,), (n, 1))
    return Split(ArraySource(pixels), _checked_labels(labels.ravel()))


def _npz_array(
    file: zipfile.ZipFile, name: str, types: str, *shapes: tuple[int, ...]
) -> NDArray[Any]:
    """An array of an ``.npz``; its header is checked before memory is taken for its items."""
    with file.open(f"{name}.npy") as entry:
        version = np.lib.format.read_magic(entry)
        read_header = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, is_fortran, dtype = read_header(entry)
        if shape not in shapes or dtype.char not in types:
            raise DataError(
                f"{name} {dtype} {reprlib.repr(shape)}, expected {shapes[0]} of types {types}"
            )
        content = entry.read(prod(shape) * dtype.itemsize)
        if entry.read(1):  # and at the end, zipfile compares its checksum
            raise DataError(f"{name} with more bytes than its shape has")
        return np.frombuffer(content, dtype).reshape(shape, order="F" if is_fortran else "C")


def _assembled(
    place: Path, files: Iterator[tuple[str, bytes]], layout: Layout, records: int
) -> DataSet:
    """Put batch files, which come in any order, into their official order."""
    pixels = np.empty((6 * records, 32, 32, 3), np.uint8)
    labels = np.empty(6 * records, np.int64)
    missing, names = set(layout.batches), CLASS_NAMES
    for name, blob in files:
        if name == layout.meta:
            names = layout.names(blob, f"{place}: {name}")
            if len(set(names)) != len(CLASS_NAMES):
                raise DataError(
                    f"{place}: {name}: class names {reprlib.repr(names)}, expected ten different "
                    "ones"
                )
            continue
        start = layout.batches.index(name) * records
        planes, labels[start : start + records] = layout.parse(blob, f"{place}: {name}", records)
        batch = planes.reshape(records, 3, 32, 32).transpose(0, 2, 3, 1)
        pixels[start : start + records] = batch
        missing.discard(name)
    if missing:
        raise DataError(
            f"{place}: incomplete CIFAR-10, without {', '.join(sorted(missing))}: expected "
            f"{', '.join(layout.batches)}; unpack or fetch it again"
        )
    test = 5 * records
    train_split = Split(ArraySource(pixels[:test]), labels[:test])
    return DataSet(NAME, names, train_split, Split(ArraySource(pixels[test:]), labels[test:]))


def _parse_binary(blob: bytes, name: str, records: int) -> Batch:
    expected = records * (1 + PIXELS)
    if len(blob) != expected:
        raise DataError(
            f"{name}: {len(blob)} bytes, expected {expected} ({records} records of a label byte "
            f"and {PIXELS} pixel bytes): cut off or another file; fetch it again"
        )
    rows = np.frombuffer(blob, np.uint8).reshape(records, 1 + PIXELS)
    return rows[:, 1:], _checked_labels(rows[:, 0], f"{name}: ")


def _parse_pickle(blob: bytes, name: str, records: int) -> Batch:
    content = read_pickle(blob, name)
    planes, labels = _array(content.get("data")), _array(content.get("labels"))
    if planes.shape != (records, PIXELS) or planes.dtype != np.uint8:
        raise DataError(
            f"{name}: data {planes.dtype} {planes.shape}, expected uint8 ({records}, {PIXELS}): "
            "cut off or another file; fetch it again"
        )
    if labels.shape != (records,) or labels.dtype.kind not in "iu":
        raise DataError(
            f"{name}: labels {labels.dtype} {labels.shape}, expected integers ({records},)"
        )
    return planes, _checked_labels(labels, f"{name}: ")


def _array(value: object) -> NDArray[Any]:
    """An array, or a list of integers as one; anything else, unread, as an array of no shape."""
    if isinstance(value, list) and all(type(each) is int for each in value):
        return np.asarray(value)
    return value if isinstance(value, np.ndarray) else np.asarray(None)


def _checked_labels(labels: NDArray[np.integer], place: str = "") -> NDArray[np.int64]:
    wrong = np.flatnonzero((labels < 0) | (labels >= len(CLASS_NAMES)))
    if wrong.size:
        raise DataError(f"{place}label {labels[wrong[0]]} of image {wrong[0]}, expected 0 to 9")
    return labels.astype(np.int64)


def _names_from_text(blob: bytes, name: str) -> tuple[str, ...]:
    del name
    return tuple(blob.decode("utf-8", "replace").split())


def _names_from_pickle(blob: bytes, name: str) -> tuple[str, ...]:
    names = read_pickle(blob, name).get("label_names")
    if not isinstance(names, list) or not all(isinstance(each, (str, bytes)) for each in names):
        return ()
    return tuple(n.decode("utf-8", "replace") if isinstance(n, bytes) else n for n in names)


BINARY = Layout(
    batches=(*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"),
    meta="batches.meta.txt",
    parse=_parse_binary,
    names=_names_from_text,
)
PYTHON = Layout(
    batches=(*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"),
    meta="batches.meta",
    parse=_parse_pickle,
    names=_names_from_pickle,
)
