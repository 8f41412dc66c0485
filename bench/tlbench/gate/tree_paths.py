"""Paths for worktrees, with as many characters and folders as the other arm's checkout.

Paths are in memory many times: in ``sys.path``, in every module's ``__file__``, on the stack. Paths
of another length move the data after them, which changes speed by a few percent.
"""

from __future__ import annotations

import os
import secrets
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Characters that make a name unique outside tlbench's own folder.
UNIQUE = 4
#: Most bytes of one name on common file systems.
LONGEST = 255


def equal_path(model: Path, place: Path) -> tuple[Path, Path] | None:
    """A free path as long and as deep as ``model``, and its first folder that doesn't exist yet.

    It is in ``place``, a folder of tlbench's own, in a folder for temporary files, or beside the
    model: in the first of these on the model's file system, or else in the first one. None if no
    such path is possible, such as for ``/x``.
    """
    device = model.stat().st_dev
    folders = [each for each in _folders(model, place) if os.access(each, os.W_OK | os.X_OK)]
    for folder in sorted(folders, key=lambda each: each.stat().st_dev != device):
        names = _names(model, folder, 1 if folder == place else UNIQUE)
        if names and not (folder / names[0]).exists():
            return folder.joinpath(*names), folder / names[0]
    return None


def _folders(model: Path, place: Path) -> Iterator[Path]:
    """Folders for a worktree, each once; never inside the model itself."""
    temporary = (Path(each).resolve() for each in (tempfile.gettempdir(), "/var/tmp", "/tmp"))  # noqa: S108 - names in them are random
    for folder in dict.fromkeys((place, *temporary, model.parent)):
        if folder.is_dir() and not folder.is_relative_to(model):
            yield folder


def _names(model: Path, folder: Path, unique: int) -> list[str]:
    """Names of folders that make ``folder`` a path like ``model``; none if that is impossible.

    The first one is random, with at least ``unique`` characters. The last one is the model's own
    name if it fits, for projects whose checkout is itself a package.
    """
    depth = len(model.parts) - len(folder.parts)
    size = len(os.fsencode(model)) - len(os.fsencode(folder).rstrip(b"/")) - depth
    if depth < 1 or size < unique + depth - 1:
        return []
    last = len(os.fsencode(model.name))
    if depth > 1 and size - last >= unique + depth - 2:
        sizes, names = _shares(size - last, depth - 1, unique), [model.name]
    else:
        sizes, names = _shares(size, depth, unique), []
    if max(sizes) > LONGEST:
        return []
    return [*(secrets.token_hex(each)[:each] for each in sizes), *names]


def _shares(size: int, count: int, first: int) -> list[int]:
    """Lengths of ``count`` names, ``size`` in all, about equal; the first is at least ``first``."""
    if count == 1:
        return [size]
    other = min(size // count, (size - first) // (count - 1))
    return [size - other * (count - 1), *[other] * (count - 1)]
