"""A linear head in closed form: ridge regression on the classes, for when an epoch is too slow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tl_core.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Of the penalty, for standardised features; recipes choose their own on held-out images.
STRENGTH = 0.3


def ridge_head(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: int,
    strength: float = STRENGTH,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Kernel and bias of the linear map that is nearest to each image's class, penalised.

    Minimises the squared distance to one-hot targets plus ``strength * n`` times the kernel's
    squared size, on standardised features. Solved in the smaller space, of features or of images.

    Args:
        features: float32 ``(n, d)``.
        labels: Class numbers ``(n,)``.
        classes: Number of classes.
        strength: Above 0.

    Returns:
        Kernel float32 ``(d, classes)`` and bias ``(classes,)``: logits are ``features @ kernel +
        bias``, whose largest names the class. They are no log-probabilities.

    Raises:
        ModelError: A strength of 0 or below, or no images.

    Source: Hoerl and Kennard, Technometrics 12, 1970.
    """
    if not strength > 0:
        raise ModelError(f"ridge strength {strength}: expected a number above 0")
    if not len(features):
        raise ModelError("0 images: expected at least 1 to train on")
    mean, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0).astype(np.float32)
    rows = (features - mean) / scale
    targets = np.eye(classes, dtype=np.float32)[labels]
    middle = targets.mean(axis=0)
    penalty = np.float32(strength * len(rows))
    if len(rows) > rows.shape[1]:
        kernel = _solved(rows.T @ rows, penalty, rows.T @ (targets - middle))
    else:
        kernel = rows.T @ _solved(rows @ rows.T, penalty, targets - middle)
    kernel = (kernel / scale[:, None]).astype(np.float32)
    return kernel, (middle - mean @ kernel).astype(np.float32)


def _solved(
    gram: NDArray[np.float32], penalty: np.float32, right: NDArray[np.float32]
) -> NDArray[np.float32]:
    from scipy import linalg  # not before it is needed: it takes a while

    gram[np.diag_indices_from(gram)] += penalty
    solved = linalg.solve(gram, right, assume_a="pos", overwrite_a=True)
    return np.asarray(solved, np.float32)
