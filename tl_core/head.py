"""The head, one Dense layer with softmax: its training in NumPy, and its evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tl_core.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Keras's default for Adam, which the tutorial uses.
LEARNING_RATE = 1e-3
#: Keras's defaults for Adam: decay of the mean gradient and of its square, and epsilon.
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7
#: Ridge penalty for standardised features; recipes choose their own on held-out images.
STRENGTH = 0.3
#: A feature whose standard deviation is at most this share of its largest value has nothing but
#: rounding to tell images apart by: a saturated one, for instance. Divided by it, rounding would
#: get weights of 100,000.
CONSTANT = 1e-4


class Head:
    """Logits = features @ kernel + bias.

    Args:
        features: Inputs.
        classes: Outputs, at least 2; else ModelError.
        seed: Random seed of the Glorot uniform kernel (Keras's default); the bias starts at 0.

    Attributes:
        kernel: float32 ``(features, classes)``.
        bias: float32 ``(classes,)``.
    """

    def __init__(self, features: int, classes: int, *, seed: int = 0) -> None:
        if classes < 2:
            raise ModelError(f"{classes} class(es): expected at least 2")
        limit = np.sqrt(6 / (features + classes))
        rng = np.random.default_rng(seed)
        self.kernel = rng.uniform(-limit, limit, (features, classes)).astype(np.float32)
        self.bias = np.zeros(classes, np.float32)

    def assign(self, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        """Replace the weights by others of the same shapes."""
        self.kernel[:], self.bias[:] = kernel, bias

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Class probabilities, float32 ``(n, classes)``."""
        return softmax(features @ self.kernel + self.bias)[0]


class ArrayTrainer:
    """One Adam step at a time on a head, in place, in NumPy: Keras's Adam, in single precision.

    Source: Kingma and Ba, ICLR 2015, in the form before its section 2.1, which Keras has.
    """

    def __init__(self, head: Head, *, learning_rate: float) -> None:
        self._head, self._rate, self._steps = head, learning_rate, 0
        self._moments = [
            (weights, np.zeros_like(weights), np.zeros_like(weights))
            for weights in (head.kernel, head.bias)
        ]

    def step(self, inputs: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
        """Train on one batch of features, float32 ``(n, d)``; see ``training.Trainer``."""
        errors, logs = softmax(inputs @ self._head.kernel + self._head.bias)
        rows = np.arange(len(labels))
        loss = -float(logs[rows, labels].mean())
        errors[rows, labels] -= 1
        errors /= np.float32(len(labels))
        self._steps += 1
        unbiased = np.sqrt(1 - BETA_2**self._steps) / (1 - BETA_1**self._steps)
        rate = np.float32(self._rate * unbiased)
        gradients = inputs.T @ errors, errors.sum(axis=0)
        for (weights, mean, square), gradient in zip(self._moments, gradients, strict=True):
            _update(weights, mean, square, gradient, rate)
        return loss

    def store(self) -> None:
        """Do nothing: the head has every step's weights already."""


def _update(
    weights: NDArray[np.float32],
    mean: NDArray[np.float32],
    square: NDArray[np.float32],
    gradient: NDArray[np.float32],
    rate: np.float32,
) -> None:
    mean += (gradient - mean) * np.float32(1 - BETA_1)
    square += (gradient * gradient - square) * np.float32(1 - BETA_2)
    weights -= rate * mean / (np.sqrt(square) + np.float32(EPSILON))


def ridge_head(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    classes: int,
    strength: float = STRENGTH,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Kernel and bias of a linear classifier by ridge regression on one-hot targets.

    Minimises the squared distance to one-hot targets plus ``strength * n`` times the kernel's
    squared size, on standardised features. Solved in the smaller space, of features or of images.
    A feature that varies by less than ``CONSTANT`` of its largest value is ignored.

    Args:
        features: float32 ``(n, d)``.
        labels: Class numbers ``(n,)``.
        classes: Number of classes.
        strength: Above 0.

    Returns:
        Kernel float32 ``(d, classes)`` and bias ``(classes,)``: logits are ``features @ kernel +
        bias``, whose largest names the class. They are not log-probabilities.

    Raises:
        ModelError: A strength of 0 or below, no images, or features that are not finite.

    Source: Hoerl and Kennard, Technometrics 12, 1970.
    """
    if not strength > 0:
        raise ModelError(f"ridge strength {strength}: expected a number above 0")
    if not len(features):
        raise ModelError("0 images: expected at least 1 to train on")
    with np.errstate(invalid="ignore"):
        mean, scale = features.mean(axis=0), features.std(axis=0)
    if not (np.isfinite(mean).all() and np.isfinite(scale).all()):
        raise ModelError("features that are not finite (NaN or infinite): expected finite ones")
    largest = np.maximum(features.max(axis=0), -features.min(axis=0))
    scale[scale <= CONSTANT * largest] = np.inf  # its kernel is 0
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
    from scipy import linalg  # imported late: it takes a while

    gram[np.diag_indices_from(gram)] += penalty
    solved = linalg.solve(gram, right, assume_a="pos", overwrite_a=True)
    return np.asarray(solved, np.float32)


@dataclass(frozen=True)
class Evaluation:
    """A model's predictions on labelled images, with accuracy and loss.

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
    """Compare probabilities ``(n, classes)`` with labels ``(n,)``."""
    right = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    predictions = probabilities.argmax(axis=1).astype(np.int64)
    return Evaluation(
        accuracy=float((predictions == labels).mean()),
        loss=float(-np.log(np.maximum(right, np.finfo(np.float32).tiny)).mean()),
        predictions=predictions,
        confidences=probabilities.max(axis=1),
    )


def softmax(logits: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Probabilities and their logarithms, row by row, each float32 ``(n, classes)``."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    sums = powers.sum(axis=1, keepdims=True)
    return powers / sums, shifted - np.log(sums)
