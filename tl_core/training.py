"""Epochs of steps in shuffled order, whoever takes the steps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from tl_core.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    #: Class numbers.
    Labels = NDArray[np.integer] | Sequence[int]
    #: From an order to positions in it and a trainer's inputs for them, step by step.
    Inputs = Callable[[NDArray[np.int64]], Iterator[tuple[NDArray[np.int64], NDArray[Any]]]]


class Trainer(Protocol):
    """Takes steps on a head."""

    def step(self, inputs: NDArray[Any], labels: NDArray[np.int64]) -> float:
        """Train on one batch; its mean cross-entropy before the step, in nats."""

    def store(self) -> None:
        """Give the head the trained weights."""


def rows_of(features: NDArray[np.float32], batch_size: int) -> Inputs:
    """Features ``(n, d)`` as inputs, ``batch_size`` rows per step."""

    def inputs(
        order: NDArray[np.int64],
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        for i in range(0, len(order), batch_size):
            part = order[i : i + batch_size]
            yield part, features[part]

    return inputs


def train(
    trainer: Trainer, inputs: Inputs, labels: NDArray[np.int64], epochs: int, seed: int
) -> list[float]:
    """Train; the mean loss of each epoch, in nats."""
    rng = np.random.default_rng(seed)
    losses = []
    with progress(epochs * len(labels), "train") as bar:
        for _ in range(epochs):
            total = 0.0
            for part, batch in inputs(rng.permutation(len(labels))):
                total += trainer.step(batch, labels[part]) * len(part)
                bar.update(len(part))
            losses.append(total / len(labels))
            trainer.store()
    return losses
