"""What ``tlbench predict`` does: a trained model's answers for pictures that people have."""

from __future__ import annotations

import glob
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tl_core.data.survey import Survey
from tl_core.errors import ImageError
from tl_core.sources import FileSource
from tlbench.suite.quiet import import_tensorflow
from tlbench.suite.training import worthwhile_engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tl_core.classifier import Prediction
    from tl_core.transfer import TransferModel
    from tlbench.suite.workloads import Workload


@dataclass(frozen=True)
class Answer:
    """A file with its most probable classes, or with why there are none."""

    file: str
    predictions: list[Prediction]
    error: str | None = None


@dataclass(frozen=True)
class ReadableFiles(FileSource):
    """Picture files of which some may not be readable: these are black, and stand in ``errors``.

    ``errors`` has texts by position, once they were asked for.
    """

    errors: dict[int, str] = field(default_factory=dict)

    def take(
        self, indices: Sequence[int] | NDArray[np.integer], size: int | None = None
    ) -> list[NDArray[np.uint8]]:
        """The pictures at these positions, decoded now; see ``FileSource``."""
        return [self._one(int(i), size) for i in indices]

    def _one(self, position: int, size: int | None) -> NDArray[np.uint8]:
        try:
            (pixels,) = super().take([position], size)
        except ImageError as error:
            self.errors[position] = str(error)
            return np.zeros((1, 1, 3), np.uint8)
        return pixels


def listed(arguments: Sequence[str]) -> tuple[list[Path], list[str]]:
    """Picture files of files, folders and patterns, each once, and what is wrong with the others.

    Folders are searched as those of data sets are; other files are taken as they are.
    """
    files: dict[Path, None] = {}
    problems = []
    for text in arguments:
        # Shells pass a pattern on where nothing fits, or where they have none, as on Windows.
        names = [text] if Path(text).exists() else _matches(text)
        pictures = [path for name in names for path in _files(Path(name))]
        files |= dict.fromkeys(pictures)
        if not names:
            problems.append(f"{text}: no such file or folder; expected a picture, or a folder")
        elif not pictures:
            problems.append(f"{text}: no pictures in it; expected at least one")
    return list(files), problems


def _matches(pattern: str) -> list[str]:
    return sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207 - Path's takes no absolute one


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    survey = Survey(path)
    pictures = survey.pictures(path)
    survey.warn()
    return pictures


def answers(
    model: TransferModel, files: Sequence[Path], *, top: int, batch_size: int
) -> list[Answer]:
    """The ``top`` most probable classes of each file, at most all of them."""
    from tl_core.classifier import most_probable

    source = ReadableFiles(tuple(files))
    rows = model.predict(source, batch_size=batch_size)
    best = most_probable(rows, model.class_names, min(top, len(model.class_names)))
    return [
        Answer(str(path), [] if number in source.errors else row, source.errors.get(number))
        for number, (path, row) in enumerate(zip(files, best, strict=True))
    ]


def opened(place: Path, options: Workload, images: int) -> TransferModel:
    """The model in a folder, on the engine and device of the options, for so many images."""
    from tl_core.engines import AUTO
    from tl_core.models.export import noted_image_size

    engine = options.engine
    if engine == AUTO:
        size = noted_image_size(place)
        own = replace(options, model=str(place.absolute()), image_size=size)
        engine = worthwhile_engine(own, images)
    import_tensorflow(options.device)
    from tl_core.transfer import TransferModel

    return TransferModel.load(
        place,
        engine=engine,
        device=options.device,
        threads=options.threads,
        trust=options.trust,
    )
