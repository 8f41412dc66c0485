"""Data sets by name, or from a folder of pictures.

A data set is one module of this package with a function ``load(*, download, seed)``; its name is
the module's name with hyphens. Adding one touches no other file.
"""

from __future__ import annotations

import importlib
import pkgutil
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from tl_core.data.dataset import DataSet, Split
from tl_core.data.folder import load_folder
from tl_core.download import downloads_allowed
from tl_core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["DataSet", "Split", "data_names", "load_data"]


class Loader(Protocol):
    """The function ``load`` of a data set's module."""

    def __call__(self, *, download: bool, seed: int) -> DataSet:
        """Make the data set; ``seed`` matters only if its source doesn't define the split."""


def load_data(
    name_or_path: str | PathLike[str], *, download: bool = False, seed: int = 0
) -> DataSet:
    """Load a data set.

    Args:
        name_or_path: One of ``data_names()``, or a folder of ``class/image`` files with or
            without ``train/`` and ``test/`` above the classes. A name takes precedence over a
            folder of the same name; ``./name``, or a ``Path``, is always the folder.
        download: Allow downloading a data set that isn't on this machine; ``TLBENCH_DOWNLOAD=1``
            in the environment does the same.
        seed: Random seed of the split, if the source doesn't define it.

    Raises:
        DataError: Unknown name, no such folder, or data that is absent, incomplete or damaged.
        DownloadError: A download that was allowed and failed.
    """
    if isinstance(name_or_path, str):
        module = _modules().get(name_or_path)
        loader = _loader(module) if module else None
        if loader is not None:
            return loader(download=downloads_allowed(requested=download), seed=seed)
    path = Path(fspath(name_or_path)).expanduser()
    if path.is_dir():
        return load_folder(path, seed=seed)
    received = "a file" if path.exists() else "neither a data set's name nor a folder"
    raise DataError(
        f"data {fspath(name_or_path)!r} is {received}: expected {', '.join(data_names())}, or the "
        "path of a folder of class/image files"
    )


def data_names() -> tuple[str, ...]:
    """The names of all data sets, sorted."""
    return tuple(sorted(name for name, module in _modules().items() if _loader(module)))


def _modules() -> Mapping[str, str]:
    """Full module names by the name of their data set; nothing is imported."""
    return {
        module.name.replace("_", "-"): f"{__name__}.{module.name}"
        for module in pkgutil.iter_modules(__path__)
    }


def _loader(module: str) -> Loader | None:
    """The module's ``load``; None for helper modules."""
    loader: Loader | None = getattr(importlib.import_module(module), "load", None)
    return loader
