"""What training came to, as one page: no network, no script, opens from disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tlbench.report.pages import template
from tlbench.report.per_class import (
    class_results,
    confused_pairs,
    confusion_matrix,
    wilson,
)
from tlbench.runs.files import write_file
from tlbench.suite.samples import thumbnail

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from tl_core.sources import ImageSource

#: Images that were missed that are shown.
SHOWN = 60
#: Pairs of classes that are listed.
PAIRS = 25
#: Longest side of a shown image in pixels, and JPEG's quality.
SIDE, QUALITY = 160, 80


@dataclass(frozen=True, eq=False)
class Trained:
    """A model's answers on test images.

    Attributes:
        class_names: In label order, any text.
        images: The test images.
        labels: True class numbers ``(n,)``.
        probabilities: float32 ``(n, classes)``.
        files: A name for each image, any text; None where they have none.
        facts: What is told of the training, text by what it is.
        majority_rate: Accuracy, 0 to 1, of always answering the most common class.
    """

    class_names: Sequence[str]
    images: ImageSource
    labels: NDArray[np.int64]
    probabilities: NDArray[np.float32]
    files: Sequence[str] | None
    facts: Mapping[str, str]
    majority_rate: float

    @property
    def predictions(self) -> NDArray[np.int64]:
        """Most probable class of each image."""
        found: NDArray[np.int64] = self.probabilities.argmax(axis=1).astype(np.int64)
        return found


def write_training_page(file: Path, trained: Trained) -> None:
    """Write the page, whole or not at all.

    Raises:
        OSError: It can't be written.
    """
    text = training_page(trained)
    write_file(file, text)


def training_page(trained: Trained) -> str:
    """The page as HTML: accuracy, confusion matrix, classes, and the images that were missed."""
    from markupsafe import Markup

    from tlbench.report.confusion_picture import NUMBERED, confusion_picture

    names, predictions = trained.class_names, trained.predictions
    matrix = confusion_matrix(trained.labels, predictions, len(names))
    pairs, right = confused_pairs(matrix), int(np.trace(matrix))
    return template(
        "training.html.j2"
    ).render(
        facts=trained.facts,
        # Our own drawing, in which matplotlib escapes every name.
        picture=Markup(confusion_picture(matrix, names)),  # noqa: S704
        numbered=len(names) <= NUMBERED,
        n=len(trained.labels),
        right=right,
        interval=wilson(right, len(trained.labels)),
        majority_rate=trained.majority_rate,
        classes=sorted(
            class_results(matrix, names), key=lambda each: (each.accuracy is None, each.accuracy)
        ),
        pairs=[(names[true], names[said], count) for true, said, count in pairs[:PAIRS]],
        all_pairs=len(pairs),
        missed=_missed(trained),
        all_missed=len(trained.labels) - right,
    )


def _missed(trained: Trained) -> list[dict[str, Any]]:
    """The images that were missed, those the model was most sure of first."""
    predictions = trained.predictions
    sure = trained.probabilities[np.arange(len(predictions)), predictions]
    wrong = np.flatnonzero(predictions != trained.labels)
    chosen = wrong[np.argsort(-sure[wrong], kind="stable")][:SHOWN]
    return [
        {
            "picture": thumbnail(image, SIDE, QUALITY),
            "actual": trained.class_names[trained.labels[i]],
            "said": trained.class_names[predictions[i]],
            "probability": float(sure[i]),
            "file": None if trained.files is None else trained.files[i],
        }
        for i, image in zip(chosen, trained.images.take(chosen), strict=True)
    ]
