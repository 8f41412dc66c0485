"""A folder of pictures as a data set: one sub-folder for each class."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

import numpy as np

from tl_core.data.copies import check_leak, without_copies
from tl_core.data.dataset import DataSet, Split, permutation, stratified_split
from tl_core.data.survey import Picture, Survey
from tl_core.errors import DataError
from tl_core.images import IMAGE_SUFFIXES
from tl_core.sources import FileReader, FileSource

if TYPE_CHECKING:
    from pathlib import Path

log = logging.getLogger(__name__)

#: Share of each class that goes to test if the folder has no split.
TEST_SHARE = 0.2
TRAIN, TEST = "train", "test"
#: Names of splits, not of classes, if the folders have only sub-folders. Only train/ and test/ are
#: used: a validation set is for choosing, and nothing may be chosen on a test set.
SPLIT_NAMES = frozenset({TRAIN, TEST, "training", "testing", "val", "valid", "validation", "dev"})
LAYOUT = "class/image files, or train/class/image and test/class/image"


def load_folder(folder: Path, *, seed: int = 0) -> DataSet:
    """A data set from ``class/image`` files, with or without ``train/`` and ``test/`` above.

    Classes are numbered by sorted name; the data set is named like the folder. In these names,
    bytes that aren't UTF-8 become escapes. Pictures in folders within a class count, linked ones
    too. One warning lists what is left out, with counts: files of other types, hidden and empty
    files, and folders of the system (``survey.LITTER``). Without ``train/`` and ``test/``, a fifth
    of each class goes to test, and files of identical content count once. The seed decides the
    order and the split, the same on every machine. Pictures are read only when they are used.

    Raises:
        DataError: Fewer than two classes, or two with one name, or a class with too few pictures.
            With ``train/`` and ``test/``: a test class that train doesn't have, or the same file in
            both. Without them: the same file in two classes.
    """
    survey = Survey(folder)
    try:
        return _loaded(survey, seed)
    finally:
        survey.warn()


def _loaded(survey: Survey, seed: int) -> DataSet:
    folder = survey.folder
    names = survey.subfolders(folder)
    survey.leave_out_files(folder)
    if TRAIN in names and TEST in names:
        return _given_split(survey, sorted(set(names) - {TRAIN, TEST}), seed)
    strays = [name for name in names if _is_split(survey, name)]
    if strays:
        raise DataError(
            f"{folder}: {', '.join(strays)} look like splits, not classes; expected two folders "
            "named train/ and test/, or neither. A validation set is not a test set: rename it to "
            "test/ only if nothing is chosen on it"
        )
    return _own_split(survey, seed)


def _given_split(survey: Survey, others: list[str], seed: int) -> DataSet:
    folder, reader = survey.folder, FileReader()
    if others:
        log.warning("%s: only train/ and test/ are used, not %s", folder, ", ".join(others))
    classes = _classes(survey, folder / TRAIN)
    unknown = sorted(set(survey.subfolders(folder / TEST)) - set(classes))
    if unknown:
        raise DataError(
            f"{folder / TEST}: classes {', '.join(unknown)} are not in train/, which has "
            f"{', '.join(classes)}; expected the same folder names in both"
        )
    train, test = (_pictures(survey, folder / part, classes) for part in (TRAIN, TEST))
    _check_counts(folder / TRAIN, classes, train, minimum=1)
    if not test:
        raise DataError(f"{folder / TEST}: no pictures; expected {LAYOUT}")
    absent = sorted(set(range(len(classes))) - {picture.label for picture in test})
    if absent:
        log.warning(
            "%s: no pictures of %s: the accuracy of these classes isn't measured",
            folder / TEST,
            ", ".join(classes[label] for label in absent),
        )
    check_leak(train, test, reader)
    bits = np.random.PCG64(seed)
    shuffled = ([part[i] for i in permutation(len(part), bits)] for part in (train, test))
    return _data_set(folder, classes, reader, *shuffled)


def _own_split(survey: Survey, seed: int) -> DataSet:
    folder, reader = survey.folder, FileReader()
    classes = _classes(survey, folder)
    pictures = without_copies(_pictures(survey, folder, classes), survey, reader)
    _check_counts(folder, classes, pictures, minimum=2)
    labels = np.array([picture.label for picture in pictures], np.int64)
    parts = stratified_split(labels, TEST_SHARE, seed)
    return _data_set(folder, classes, reader, *([pictures[i] for i in part] for part in parts))


def _data_set(
    folder: Path,
    classes: list[str],
    reader: FileReader,
    train: list[Picture],
    test: list[Picture],
) -> DataSet:
    splits = (
        Split(
            FileSource(tuple(row.path for row in rows), reader),
            np.array([row.label for row in rows], np.int64),
        )
        for rows in (train, test)
    )
    return DataSet(_shown(folder.resolve().name), _class_names(folder, classes), *splits)


def _class_names(folder: Path, names: list[str]) -> tuple[str, ...]:
    """Names of class folders as text that every file can hold, different from each other."""
    shown = tuple(map(_shown, names))
    repeated = [name for name in names if shown.count(_shown(name)) > 1]
    if repeated:
        raise DataError(
            f"{folder}: two class folders whose names are both written {_shown(repeated[0])!r}, "
            "since one isn't UTF-8; expected different names: rename it"
        )
    return shown


def _shown(name: str) -> str:
    """A file's name with escapes in place of bytes that aren't UTF-8."""
    return os.fsencode(name).decode(errors="backslashreplace")


def _classes(survey: Survey, folder: Path) -> list[str]:
    classes = survey.subfolders(folder)
    if len(classes) < 2:
        raise DataError(
            f"{folder}: {len(classes)} class folders ({', '.join(classes) or 'none'}); expected at "
            f"least 2: {LAYOUT}"
        )
    return classes


def _is_split(survey: Survey, name: str) -> bool:
    """Whether a folder is named like a split, and all its pictures are in sub-folders."""
    inside = survey.folder / name
    return (
        name.casefold() in SPLIT_NAMES
        and bool(survey.subfolders(inside))
        and not any(path.suffix.lower() in IMAGE_SUFFIXES for path in inside.iterdir())
    )


def _pictures(survey: Survey, folder: Path, classes: list[str]) -> list[Picture]:
    """All pictures of all classes, class by class."""
    survey.leave_out_files(folder)
    return [
        Picture(path, label)
        for label, name in enumerate(classes)
        if (folder / name).is_dir()
        for path in survey.pictures(folder / name)
    ]


def _check_counts(folder: Path, classes: list[str], pictures: list[Picture], minimum: int) -> None:
    counts = np.bincount([p.label for p in pictures], minlength=len(classes))
    few = [f"{name} ({n})" for name, n in zip(classes, counts, strict=True) if n < minimum]
    if few:
        raise DataError(
            f"{folder}: too few pictures in {', '.join(few)}; expected at least {minimum} of each "
            f"class, as {', '.join(sorted(IMAGE_SUFFIXES))}: add some or remove the folder"
        )
