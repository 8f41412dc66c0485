"""How right a model's probabilities are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Evaluation:
    """A model's answers on labelled images.

    Attributes:
        accuracy: Top-1, 0 to 1.
        loss: Mean cross-entropy, in nats.
        predictions: Most probable class of each image, int64 ``(n,)``.
        confidences: Its probability, float32 ``(n,)``.
    """

    accuracy: float
    loss: float
    predictions: NDArray[np.int64]
    confidences: NDArray[np.float32]


def evaluation(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> Evaluation:
    """Judge probabilities ``(n, classes)`` against labels ``(n,)``."""
    right = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    predictions = probabilities.argmax(axis=1).astype(np.int64)
    return Evaluation(
        accuracy=float((predictions == labels).mean()),
        loss=float(-np.log(np.maximum(right, np.finfo(np.float32).tiny)).mean()),
        predictions=predictions,
        confidences=probabilities.max(axis=1),
    )
