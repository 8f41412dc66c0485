"""The trained head in NumPy, beside engines that need no TensorFlow."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tl_core.errors import ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

#: Keras's defaults for Adam: decay of the mean gradient and of its square, and what keeps the
#: quotient finite.
BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7


def starting_weights(
    features: int, classes: int, seed: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Kernel and bias that training starts from: Glorot uniform and 0, as in Keras.

    Args:
        features: Inputs.
        classes: Outputs, at least 2.
        seed: Of the kernel.

    Returns:
        float32 ``(features, classes)`` and ``(classes,)``.

    Raises:
        ModelError: Fewer than two classes.
    """
    if classes < 2:
        raise ModelError(f"{classes} class(es): expected at least 2 to tell apart")
    limit = np.sqrt(6 / (features + classes))
    rng = np.random.default_rng(seed)
    kernel = rng.uniform(-limit, limit, (features, classes)).astype(np.float32)
    return kernel, np.zeros(classes, np.float32)


class ArrayHead:
    """Logits = features @ kernel + bias, as ``tl_core.head.DenseHead`` in arrays.

    Args:
        features: Inputs.
        classes: Outputs, at least 2.
        seed: Of the kernel.

    Attributes:
        kernel: float32 ``(features, classes)``.
        bias: float32 ``(classes,)``.
    """

    def __init__(self, features: int, classes: int, *, seed: int = 0) -> None:
        self.kernel, self.bias = starting_weights(features, classes, seed)

    def assign(self, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        """Take other weights, of the same shapes."""
        self.kernel[:], self.bias[:] = kernel, bias

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Class probabilities, float32 ``(n, classes)``."""
        probabilities, _ = _softmax(features @ self.kernel + self.bias)
        return probabilities


class ArrayTrainer:
    """One Adam step at a time on an ``ArrayHead``: Keras's Adam, in single precision.

    Args:
        head: The head to train.
        learning_rate: Adam's step size.

    Source: Kingma and Ba, ICLR 2015, in the form before its section 2.1, which Keras has.
    """

    def __init__(self, head: ArrayHead, *, learning_rate: float) -> None:
        self._head, self._rate = head, learning_rate
        self._steps = 0
        self._moments = [
            (variable, np.zeros_like(variable), np.zeros_like(variable))
            for variable in (head.kernel, head.bias)
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
        self._apply((inputs.T @ errors, errors.sum(axis=0)))
        return loss

    def _apply(self, gradients: tuple[NDArray[np.float32], NDArray[np.float32]]) -> None:
        self._steps += 1
        unbiased = np.sqrt(1 - BETA_2**self._steps) / (1 - BETA_1**self._steps)
        rate = np.float32(self._rate * unbiased)
        for moments, gradient in zip(self._moments, gradients, strict=True):
            _update(*moments, gradient, rate)


def _update(
    variable: NDArray[np.float32],
    mean: NDArray[np.float32],
    square: NDArray[np.float32],
    gradient: NDArray[np.float32],
    rate: np.float32,
) -> None:
    """One step of one variable, in place."""
    mean += (gradient - mean) * np.float32(1 - BETA_1)
    square += (gradient * gradient - square) * np.float32(1 - BETA_2)
    variable -= rate * mean / (np.sqrt(square) + np.float32(EPSILON))


def _softmax(logits: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Probabilities and their logarithms, row by row."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    sums = powers.sum(axis=1, keepdims=True)
    return powers / sums, shifted - np.log(sums)
