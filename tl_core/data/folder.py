"""A folder of pictures as a data set: one sub-folder for each class."""

from __future__ import annotations

import logging
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tl_core.data.dataset import DataSet, Split, permutation, stratified_split
from tl_core.errors import DataError
from tl_core.images import IMAGE_SUFFIXES
from tl_core.progress import progress
from tl_core.sources import FileSource
from tl_core.storage import sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

log = logging.getLogger(__name__)

#: Share of each class that goes to test where the folder doesn't say.
TEST_SHARE = 0.2
TRAIN, TEST = "train", "test"
#: Names that mean a split, not a class, where only sub-folders are in them. Only train/ and test/
#: are used: a validation set is for choosing, and a test set is what nothing was chosen on.
SPLIT_NAMES = frozenset({TRAIN, TEST, "training", "testing", "val", "valid", "validation", "dev"})
#: What macOS adds to zip files.
IGNORED = frozenset({"__MACOSX"})
LAYOUT = "class/image files, or train/class/image and test/class/image"


@dataclass(frozen=True)
class _Picture:
    path: Path
    label: int


def load_folder(folder: Path, *, seed: int = 0) -> DataSet:
    """A data set from ``class/image`` files, with or without ``train/`` and ``test/`` above.

    Classes are numbered by sorted name; the data set is named like the folder. Pictures in folders
    within a class count; hidden files and files of other types don't. Without ``train/`` and
    ``test/``, a fifth of each class goes to test, files of identical content count once. The seed
    decides the order and the split, the same on every machine. Pictures stay in their files.

    Raises:
        DataError: Fewer than two classes, or a class with too few pictures. With ``train/`` and
            ``test/``: a test class that train doesn't have, or the same file in both. Without
            them: the same file in two classes.
    """
    names = _subfolders(folder)
    if TRAIN in names and TEST in names:
        return _given_split(folder, sorted(set(names) - {TRAIN, TEST}), seed)
    strays = [name for name in names if name.casefold() in SPLIT_NAMES and _no_images(folder, name)]
    if strays:
        raise DataError(
            f"{folder}: {', '.join(strays)} look like splits, not classes; expected both train/ "
            "and test/, named so, or neither. A validation set doesn't stand in for a test set: "
            "rename it only if nothing is chosen on it"
        )
    return _own_split(folder, seed)


def _given_split(folder: Path, others: list[str], seed: int) -> DataSet:
    if others:
        log.warning("%s: only train/ and test/ are used, not %s", folder, ", ".join(others))
    classes = _classes(folder / TRAIN)
    unknown = sorted(set(_subfolders(folder / TEST)) - set(classes))
    if unknown:
        raise DataError(
            f"{folder / TEST}: classes {', '.join(unknown)} are not in train/, which has "
            f"{', '.join(classes)}; expected the same folder names in both"
        )
    train, test = _pictures(folder / TRAIN, classes), _pictures(folder / TEST, classes)
    _check_counts(folder / TRAIN, classes, train, minimum=1)
    if not test:
        raise DataError(f"{folder / TEST}: no pictures; expected {LAYOUT}")
    _check_leak(train, test)
    bits = np.random.PCG64(seed)
    shuffled = ([part[i] for i in permutation(len(part), bits)] for part in (train, test))
    return _data_set(folder, classes, *shuffled)


def _own_split(folder: Path, seed: int) -> DataSet:
    classes = _classes(folder)
    pictures = _without_copies(_pictures(folder, classes))
    _check_counts(folder, classes, pictures, minimum=2)
    labels = np.array([picture.label for picture in pictures], np.int64)
    parts = stratified_split(labels, TEST_SHARE, seed)
    return _data_set(folder, classes, *([pictures[i] for i in part] for part in parts))


def _data_set(
    folder: Path, classes: list[str], train: list[_Picture], test: list[_Picture]
) -> DataSet:
    splits = (
        Split(
            FileSource(tuple(row.path for row in rows)),
            np.array([row.label for row in rows], np.int64),
        )
        for rows in (train, test)
    )
    return DataSet(folder.resolve().name, tuple(classes), *splits)


def _classes(folder: Path) -> list[str]:
    classes = _subfolders(folder)
    if len(classes) < 2:
        raise DataError(
            f"{folder}: {len(classes)} class folders ({', '.join(classes) or 'none'}); expected at "
            f"least 2: {LAYOUT}"
        )
    return classes


def _subfolders(folder: Path) -> list[str]:
    names = (path.name for path in folder.iterdir() if path.is_dir())
    return sorted(name for name in names if not name.startswith(".") and name not in IGNORED)


def _no_images(folder: Path, name: str) -> bool:
    """Whether only sub-folders hold this folder's pictures: a split's look, not a class's."""
    inside = folder / name
    return bool(_subfolders(inside)) and not any(_is_image(path) for path in inside.iterdir())


def _is_image(path: Path) -> bool:
    hidden = path.name.startswith(".")
    return not hidden and path.suffix.lower() in IMAGE_SUFFIXES and path.is_file()


def _pictures(folder: Path, classes: list[str]) -> list[_Picture]:
    """All pictures, sorted by path: folders list their files in another order on each machine."""
    return [
        _Picture(path, label)
        for label, name in enumerate(classes)
        for path in sorted(_images_below(folder / name), key=lambda path: path.as_posix())
    ]


def _images_below(folder: Path) -> Iterator[Path]:
    if not folder.is_dir():
        return
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if not hidden and _is_image(path):
            yield path


def _check_counts(folder: Path, classes: list[str], pictures: list[_Picture], minimum: int) -> None:
    counts = np.bincount([p.label for p in pictures], minlength=len(classes))
    few = [f"{name} ({n})" for name, n in zip(classes, counts, strict=True) if n < minimum]
    if few:
        raise DataError(
            f"{folder}: too few pictures in {', '.join(few)}; expected at least {minimum} of each "
            f"class, as {', '.join(sorted(IMAGE_SUFFIXES))}: add some or remove the folder"
        )


def _same_content(pictures: list[_Picture]) -> Iterator[list[_Picture]]:
    """Groups of pictures with identical files; only the few files of equal size are read."""
    by_size = defaultdict(list)
    for picture in pictures:
        by_size[picture.path.stat().st_size].append(picture)
    suspects = [group for group in by_size.values() if len(group) > 1]
    with progress(sum(map(len, suspects)), "look for identical files") as bar:
        for group in suspects:
            by_content = defaultdict(list)
            for picture in group:
                by_content[sha256_of(picture.path)].append(picture)
                bar.update()
            yield from (same for same in by_content.values() if len(same) > 1)


def _check_leak(train: list[_Picture], test: list[_Picture]) -> None:
    trained = {picture.path for picture in train}
    for same in _same_content([*train, *test]):
        first, last = same[0].path, same[-1].path
        if first in trained and last not in trained:
            raise DataError(
                f"{first} and {last} are the same file: a test picture that was trained on makes "
                "accuracy look better than it is; remove it from one of the two"
            )


def _without_copies(pictures: list[_Picture]) -> list[_Picture]:
    copies = set()
    for first, *rest in _same_content(pictures):
        for copy in rest:
            if copy.label != first.label:
                raise DataError(
                    f"{first.path} and {copy.path} are the same file in two classes; keep the one "
                    "in the class it belongs to"
                )
            copies.add(copy.path)
            log.warning("%s is left out: the same file as %s", copy.path, first.path)
    return [picture for picture in pictures if picture.path not in copies]
