"""CIFAR-10, found on this machine or, if allowed, downloaded."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from tl_core.data.cifar_layouts import (
    BINARY,
    NAME,
    PYTHON,
    RECORDS,
    read_archive,
    read_folder,
    read_npz,
)
from tl_core.download import fetch
from tl_core.errors import DataError
from tl_core.storage import cache_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tl_core.data.dataset import DataSet

#: The official address, and the checksum that Keras has for it (keras/src/datasets/cifar10.py).
URL = "https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz"
SHA256 = "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"
#: Folders that are searched, one or two levels below the folder of data sets.
FOLDERS = (
    "cifar10",
    "cifar-10",
    "cifar-10-batches-bin",
    "cifar-10-batches-py",
    "cifar-10-batches-py-target",
)
#: Archives by name; the last two are Keras's names of the python archive, before and since 3.6.
ARCHIVES = {
    "cifar-10-binary.tar.gz": BINARY,
    "cifar-10-python.tar.gz": PYTHON,
    "cifar-10-batches-py.tar.gz": PYTHON,
    "cifar-10-batches-py-target_archive": PYTHON,
}
NPZ_FILES = ("cifar10.npz", "cifar-10.npz")


def load(*, download: bool, seed: int, records: int = RECORDS) -> DataSet:
    """The data set ``cifar10``: 50,000 train and 10,000 test images, uint8 32 x 32 RGB.

    Searched for in the folder that ``TLBENCH_DATA`` names (else in the cache folder's ``data``),
    then in Keras's own cache. Source: Krizhevsky, 2009, https://www.cs.toronto.edu/~kriz/cifar.html.

    Args:
        download: Download 170 MB from the official address if it isn't found.
        seed: Not used: the split and the order are the official ones.
        records: Images per batch file; other than 10,000 only in tests.

    Raises:
        DataError: Not found, incomplete or damaged.
        DownloadError: The download failed.
    """
    del seed
    for root in _roots():
        for reader in _found(root):
            return reader(records)
    if download:
        archive = fetch(URL, _roots()[0] / "cifar-10-python.tar.gz", SHA256)
        return read_archive(archive, PYTHON, records)
    raise DataError(_not_found())


def _roots() -> list[Path]:
    """Where to look; the first is also where a download goes."""
    ours = os.environ.get("TLBENCH_DATA")
    keras = os.environ.get("KERAS_HOME") or "~/.keras"
    roots = [Path(ours).expanduser() if ours else cache_dir() / "data"]
    with suppress(RuntimeError):  # no home folder
        roots.append(Path(keras).expanduser() / "datasets")
    return roots


def _found(root: Path) -> Iterator[Callable[[int], DataSet]]:
    """A reader for every copy below ``root``: files before archives, which take longer."""
    nested = [root / outer / inner for outer in FOLDERS for inner in FOLDERS]
    folders = [root, *(root / name for name in FOLDERS), *nested]
    for folder in folders:
        for layout in (BINARY, PYTHON):
            # One file is enough: an incomplete copy is reported, not skipped.
            if any((folder / name).is_file() for name in layout.batches):
                yield partial(read_folder, folder, layout)
    for folder in folders:
        for name in NPZ_FILES:
            if (folder / name).is_file():
                yield partial(read_npz, folder / name)
        for name, layout in ARCHIVES.items():
            if (folder / name).is_file():
                yield partial(read_archive, folder / name, layout)


def _not_found() -> str:
    places = " or ".join(str(root) for root in _roots())
    files = ", ".join((BINARY.batches[0], PYTHON.batches[0], *ARCHIVES, *NPZ_FILES))
    return (
        f"{NAME}: not found in {places}, nor below in {', '.join(FOLDERS)}; expected the official "
        f"binary or python files, their archive, or an .npz ({files}). Set TLBENCH_DATA to the "
        "folder that has it, or allow a download of 170 MB: TLBENCH_DOWNLOAD=1 or "
        "load_data('cifar10', download=True)"
    )
