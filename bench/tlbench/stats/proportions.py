"""Shares of images: intervals, whether one is lower by more than chance, and confused classes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.special import bdtrc, betaincinv, ndtri  # scipy.stats takes too long to import

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

#: Nominal confidence of intervals.
CONFIDENCE = 0.95
#: A loss exceeds a tolerance by more than the rounding of a difference of two shares.
ROUNDING = 1e-9


@dataclass(frozen=True)
class AccuracyChange:
    """Top-1 accuracy of both sides on the same images.

    Attributes:
        base, candidate: 0 to 1.
        lost, won: Images that only the base, or only the candidate, got right.
        p: One-sided, that as many were lost by chance; exact.
    """

    base: float
    candidate: float
    images: int
    lost: int
    won: int
    p: float

    def exceeds(self, tolerance: float) -> bool:
        """Whether the candidate is lower by more than the tolerance (points of 1), by any cause."""
        return self.base - self.candidate > tolerance + ROUNDING

    def is_loss(self, tolerance: float, alpha: float) -> bool:
        """Whether it is lower by more than the tolerance, and its p at most ``alpha``."""
        return self.exceeds(tolerance) and self.p <= alpha


def wilson(correct: int, n: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """The interval of a share of at least one trial, 0 to 1, by Wilson's score; by default 95 %.

    Source: Wilson, JASA 22, 1927.
    """
    z = float(ndtri((1 + confidence) / 2))
    share, weight = correct / n, z * z / n
    middle = (share + weight / 2) / (1 + weight)
    half = math.sqrt(weight * (share * (1 - share) + weight / 4)) / (1 + weight)
    return (middle - half if correct else 0.0, middle + half if correct < n else 1.0)


def clopper_pearson(successes: int, n: int) -> tuple[float, float]:
    """The exact 95 % interval of a share, 0 to 1.

    Source: Clopper and Pearson, Biometrika 26, 1934.
    """
    tail = (1 - CONFIDENCE) / 2
    low = betaincinv(successes, n - successes + 1, tail) if successes else 0.0
    high = betaincinv(successes + 1, n - successes, 1 - tail) if successes < n else 1.0
    return float(low), float(high)


def compare_paired(base: NDArray[np.bool_], candidate: NDArray[np.bool_]) -> AccuracyChange:
    """Compare the answers to the same images: McNemar's test, exact.

    Of the images that only one side got right, each is as likely to be either's if nothing
    changed; images that both got right or wrong say nothing. Two accuracies alone hide that: on
    500 images, 0.90 and 0.88 are within chance of each other, unless the same 440 images are right
    in both and 10 more in one of them.

    Both say which images, in the same order, are right: ``(images,)``.

    Raises:
        ValueError: No images, or not as many.

    Source: McNemar, Psychometrika 12, 1947.
    """
    if base.shape != candidate.shape or not base.size:
        raise ValueError(f"answers to {base.size} and to {candidate.size} images")
    lost, won = int(np.sum(base & ~candidate)), int(np.sum(candidate & ~base))
    p = float(bdtrc(lost - 1, lost + won, 0.5)) if lost else 1.0
    return AccuracyChange(float(base.mean()), float(candidate.mean()), base.size, lost, won, p)


@dataclass(frozen=True)
class Difference:
    """One accuracy minus another, on the same images, with its interval; -1 to 1."""

    value: float
    low: float
    high: float


def paired_difference(
    first: NDArray[np.bool_], second: NDArray[np.bool_], confidence: float = CONFIDENCE
) -> Difference:
    """The first side's accuracy minus the second's, with an interval of this confidence.

    Both say which images, in the same order, are right: ``(images,)``. The interval is Wald's after
    an image is added to each kind that only one side got right: it covers the truth at least about
    as often as it says, also where both sides agree on every image.

    Raises:
        ValueError: No images, or not as many.

    Source: Bonett and Price, Journal of Educational and Behavioral Statistics 37, 2012.
    """
    if first.shape != second.shape or not first.size:
        raise ValueError(f"answers to {first.size} and to {second.size} images")
    won, lost = int(np.sum(first & ~second)), int(np.sum(second & ~first))
    n = first.size + 2
    middle = (won - lost) / n
    spread = math.sqrt(((won + lost + 2) / n - middle * middle) / n)
    half = float(ndtri((1 + confidence) / 2)) * spread
    value = (won - lost) / first.size
    return Difference(value, max(-1.0, middle - half), min(1.0, middle + half))


def compare_unpaired(base: float, candidate: float, images: int) -> AccuracyChange:
    """Compare two accuracies, 0 to 1, as samples of so many images, by Fisher's exact test.

    ``lost`` and ``won`` of the change are the fewest images that fit.
    """
    from scipy.stats import fisher_exact

    right = round(base * images), round(candidate * images)
    table = np.array([[each, images - each] for each in right])
    p = float(fisher_exact(table, alternative="greater").pvalue)
    lost, won = max(0, right[0] - right[1]), max(0, right[1] - right[0])
    return AccuracyChange(base, candidate, images, lost, won, p)


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
