"""What a trained model took for what: by class, and pair by pair."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import ndtri

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class ClassResult:
    """One class's test images.

    Attributes:
        name: The class.
        n: Its test images.
        correct: How many of these were recognised.
        interval: Of the share that is, 95 %, by Wilson's score; None where there is no image.
        taken_for: The class it was most often mistaken for, and how often; None for no mistake.
    """

    name: str
    n: int
    correct: int
    interval: tuple[float, float] | None
    taken_for: tuple[str, int] | None

    @property
    def accuracy(self) -> float | None:
        """The share that was recognised, 0 to 1; None where there is no image."""
        return self.correct / self.n if self.n else None


def wilson(correct: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share, 0 to 1, by Wilson's score.

    Args:
        correct: Successes, 0 to ``n``.
        n: Trials, at least 1.

    Source: Wilson, JASA 22, 1927; as ``scipy.stats``, which takes too long to import, has it.
    """
    z = float(ndtri(0.975))
    share, weight = correct / n, z * z / n
    middle = (share + weight / 2) / (1 + weight)
    half = math.sqrt(weight * (share * (1 - share) + weight / 4)) / (1 + weight)
    return (
        middle - half if correct else 0.0,
        middle + half if correct < n else 1.0,
    )


def confusion_matrix(
    labels: NDArray[np.int64], predictions: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    """How often each class was taken for each.

    Args:
        labels: True class numbers ``(n,)``.
        predictions: Predicted ones ``(n,)``.
        classes: How many classes there are.

    Returns:
        int64 ``(classes, classes)``: a row for each true class, a column for each predicted one.
    """
    cells = np.bincount(labels * classes + predictions, minlength=classes * classes)
    return cells.reshape(classes, classes).astype(np.int64)


def class_results(matrix: NDArray[np.int64], names: Sequence[str]) -> list[ClassResult]:
    """Each class's part of a confusion matrix, in its order."""
    results = []
    for label, row in enumerate(matrix):
        n, correct = int(row.sum()), int(row[label])
        wrong = np.where(np.arange(len(row)) == label, 0, row)
        most = int(wrong.argmax())
        results.append(
            ClassResult(
                name=names[label],
                n=n,
                correct=correct,
                interval=wilson(correct, n) if n else None,
                taken_for=(names[most], int(wrong[most])) if wrong[most] else None,
            )
        )
    return results


def confused_pairs(matrix: NDArray[np.int64]) -> list[tuple[int, int, int]]:
    """True class, predicted class and count of all pairs that were confused, most often first."""
    rows, columns = np.nonzero(matrix)
    pairs = [(int(t), int(p), int(matrix[t, p])) for t, p in zip(rows, columns, strict=True)]
    return sorted((each for each in pairs if each[0] != each[1]), key=lambda each: -each[2])


def as_json(results: Sequence[ClassResult]) -> list[dict[str, Any]]:
    """The same for scripts."""
    return [
        {
            "class": each.name,
            "test_size": each.n,
            "correct": each.correct,
            "accuracy": each.accuracy,
            "accuracy_interval_95": list(each.interval) if each.interval else None,
        }
        for each in results
    ]
