"""What ``tlbench predict`` does: a trained model's answers for pictures that people have."""

from __future__ import annotations

import glob
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tl_core.data.survey import Survey
from tl_core.sources import TolerantFiles, error_at
from tlbench.suite.quiet import import_tensorflow
from tlbench.suite.training import worthwhile_engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tl_core.classifier import Prediction
    from tl_core.transfer import TransferModel
    from tlbench.suite.workloads import Workload


@dataclass(frozen=True)
class Answer:
    """A file with its most probable classes, or with why there are none."""

    file: str
    predictions: list[Prediction]
    error: str | None = None

    @property
    def record(self) -> dict[str, object]:
        """What is printed as JSON: predictions, or the error in their place."""
        if self.error:
            return {"image": self.file, "error": self.error}
        return {"image": self.file, "predictions": [asdict(each) for each in self.predictions]}


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

    source = TolerantFiles(tuple(files))
    rows = model.predict(source, batch_size=batch_size)
    best = most_probable(rows, model.class_names, min(top, len(model.class_names)))
    return answers_of(source, best)


def answers_of(source: TolerantFiles, best: Sequence[list[Prediction]]) -> list[Answer]:
    """Each file's labels, or why there are none."""
    errors = [error_at(source, place) for place in range(len(source))]
    return [
        Answer(str(path), [] if error else row, error)
        for path, row, error in zip(source.paths, best, errors, strict=True)
    ]


def opened(place: Path, options: Workload, images: int) -> TransferModel:
    """The model in a folder, on the engine and device of the options, for so many images."""
    from tl_core.engines import AUTO
    from tl_core.models.notes import noted_image_size

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
