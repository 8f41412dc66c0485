"""The file formats of CIFAR-10, and how to read each of them."""

from __future__ import annotations

import tarfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tl_core.data.dataset import DataSet, Split
from tl_core.data.restricted_pickle import read_pickle
from tl_core.errors import DataError, ImageError
from tl_core.sources import ArraySource

if TYPE_CHECKING:
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

#: Errors of reading a damaged or different .npz; DataError and ImageError are ValueErrors.
_NPZ_ERRORS = (
    *(KeyError, TypeError, ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error),
)
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
    paths = (folder / name for name in (*layout.batches, layout.meta))
    files = ((path.name, path.read_bytes()) for path in paths if path.is_file())
    return _assembled(folder, files, layout, records)


def read_archive(path: Path, layout: Layout, records: int = RECORDS) -> DataSet:
    """Read the files of one layout from a tar file, in one pass and without unpacking it."""
    try:
        with tarfile.open(path, "r|*") as archive:
            return _assembled(path, _members(archive, layout), layout, records)
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise DataError(
            f"{path}: not a whole tar archive ({error}), {path.stat().st_size} bytes: expected an "
            "official CIFAR-10 archive (about 170 MB); fetch it again"
        ) from error


def read_npz(path: Path, records: int = RECORDS) -> DataSet:
    """Read an ``.npz`` with x_train, y_train, x_test and y_test, as Keras returns them."""
    try:
        # Opened here: np.load leaves a file open that is not a zip.
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            splits = [
                _npz_split(file[f"x_{kind}"], file[f"y_{kind}"], n)
                for kind, n in (("train", 5 * records), ("test", records))
            ]
    except _NPZ_ERRORS as error:
        raise DataError(
            f"{path}: {error}; expected x_train uint8 ({5 * records}, 32, 32, 3), y_train, x_test "
            f"({records}, 32, 32, 3) and y_test, saved by numpy.savez"
        ) from error
    return DataSet(NAME, CLASS_NAMES, *splits)


def _npz_split(pixels: NDArray[np.uint8], labels: NDArray[np.integer], n: int) -> Split:
    if pixels.shape != (n, 32, 32, 3):
        raise ImageError(f"pixels of shape {pixels.shape}, expected ({n}, 32, 32, 3)")
    if labels.shape not in ((n,), (n, 1)) or labels.dtype.kind not in "iu":
        raise DataError(f"labels {labels.dtype} {labels.shape}, expected integers ({n},)")
    return Split(ArraySource(pixels), _checked_labels(labels.ravel()))


def _members(archive: tarfile.TarFile, layout: Layout) -> Iterator[tuple[str, bytes]]:
    for member in archive:
        name = PurePosixPath(member.name).name
        file = archive.extractfile(member) if member.isfile() else None
        if file is not None and name in (*layout.batches, layout.meta):
            yield name, file.read()


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
                    f"{place}: {name}: class names {names}, expected ten different ones"
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
    planes, labels = np.asarray(content.get("data")), np.asarray(content.get("labels"))
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
    if not isinstance(names, list):
        return ()
    return tuple(n.decode("utf-8", "replace") if isinstance(n, bytes) else str(n) for n in names)


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
