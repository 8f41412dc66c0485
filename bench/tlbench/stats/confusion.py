"""Which classes a classifier confuses: by class, and pair by pair."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tlbench.stats.proportions import wilson

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class ClassResult:
    """One class's ``n`` test images.

    Attributes:
        interval: 95 % interval of the share that is correct, by Wilson's score; None without
            images.
        mistaken_for: The class it was most often mistaken for, and how often; None if never.
    """

    name: str
    n: int
    correct: int
    interval: tuple[float, float] | None
    mistaken_for: tuple[str, int] | None

    @property
    def accuracy(self) -> float | None:
        """The share that was recognised, 0 to 1; None without images."""
        return self.correct / self.n if self.n else None


@dataclass(frozen=True, eq=False)
class Confusion:
    """How often each class was predicted for each; all in label order.

    Attributes:
        matrix: int64 ``(classes, classes)``: a row per true class, a column per predicted one.
        pairs: True class, predicted class and count of all that were confused, most often first.
        interval: 95 % interval of the accuracy, by Wilson's score.
    """

    names: Sequence[str]
    matrix: NDArray[np.int64]
    classes: Sequence[ClassResult]
    pairs: Sequence[tuple[str, str, int]]
    interval: tuple[float, float]

    @property
    def n(self) -> int:
        """Images."""
        return int(self.matrix.sum())

    @property
    def correct(self) -> int:
        """Images whose class was predicted."""
        return int(self.matrix.trace())


def confusion(
    labels: NDArray[np.int64], predictions: NDArray[np.int64], names: Sequence[str]
) -> Confusion:
    """Count predictions ``(n,)`` by true class ``(n,)``, at least one; names in label order."""
    count = len(names)
    cells = np.bincount(labels * count + predictions, minlength=count * count)
    matrix = cells.reshape(count, count).astype(np.int64)
    return Confusion(
        names=names,
        matrix=matrix,
        classes=[_class_result(label, row, names) for label, row in enumerate(matrix)],
        pairs=_pairs(matrix, names),
        interval=wilson(int(matrix.trace()), len(labels)),
    )


def _class_result(label: int, row: NDArray[np.int64], names: Sequence[str]) -> ClassResult:
    n, correct = int(row.sum()), int(row[label])
    wrong = np.where(np.arange(len(row)) == label, 0, row)
    most = int(wrong.argmax())
    return ClassResult(
        name=names[label],
        n=n,
        correct=correct,
        interval=wilson(correct, n) if n else None,
        mistaken_for=(names[most], int(wrong[most])) if wrong[most] else None,
    )


def _pairs(matrix: NDArray[np.int64], names: Sequence[str]) -> list[tuple[str, str, int]]:
    cells = zip(*np.nonzero(matrix), strict=True)
    pairs = [
        (names[row], names[column], int(matrix[row, column]))
        for row, column in cells
        if row != column
    ]
    return sorted(pairs, key=lambda pair: -pair[2])
