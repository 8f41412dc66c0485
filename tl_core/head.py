"""The trained head, one Dense layer with softmax over features, and its training in NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tl_core.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Keras's default for Adam, which the tutorial uses.
LEARNING_RATE = 1e-3
#: Keras's defaults for Adam: decay of the mean gradient and of its square, and what keeps the
#: quotient finite.
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7


class Head:
    """Logits = features @ kernel + bias.

    Args:
        features: Inputs.
        classes: Outputs, at least 2.
        seed: Of the Glorot uniform kernel (Keras's default); the bias starts at 0.

    Attributes:
        kernel: float32 ``(features, classes)``.
        bias: float32 ``(classes,)``.

    Raises:
        ModelError: Fewer than two classes.
    """

    def __init__(self, features: int, classes: int, *, seed: int = 0) -> None:
        if classes < 2:
            raise ModelError(f"{classes} class(es): expected at least 2")
        limit = np.sqrt(6 / (features + classes))
        rng = np.random.default_rng(seed)
        self.kernel = rng.uniform(-limit, limit, (features, classes)).astype(np.float32)
        self.bias = np.zeros(classes, np.float32)

    def assign(self, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        """Take other weights, of the same shapes."""
        self.kernel[:], self.bias[:] = kernel, bias

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Class probabilities, float32 ``(n, classes)``."""
        return _softmax(features @ self.kernel + self.bias)[0]


class ArrayTrainer:
    """One Adam step at a time on a head, in NumPy: Keras's Adam, in single precision.

    Args:
        head: Is trained in place.
        learning_rate: Adam's step size.

    Source: Kingma and Ba, ICLR 2015, in the form before its section 2.1, which Keras has.
    """

    def __init__(self, head: Head, *, learning_rate: float) -> None:
        self._head, self._rate, self._steps = head, learning_rate, 0
        self._moments = [
            (weights, np.zeros_like(weights), np.zeros_like(weights))
            for weights in (head.kernel, head.bias)
        ]

    def step(self, inputs: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
        """Train on one batch.

        Args:
            inputs: Features, float32 ``(n, d)``.
            labels: int64 ``(n,)``.

        Returns:
            The batch's mean cross-entropy before the step, in nats.
        """
        errors, logs = _softmax(inputs @ self._head.kernel + self._head.bias)
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
    """One step, in place."""
    mean += (gradient - mean) * np.float32(1 - BETA_1)
    square += (gradient * gradient - square) * np.float32(1 - BETA_2)
    weights -= rate * mean / (np.sqrt(square) + np.float32(EPSILON))


def _softmax(logits: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Probabilities and their logarithms, row by row."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    sums = powers.sum(axis=1, keepdims=True)
    return powers / sums, shifted - np.log(sums)
