"""Train a head until it converges: held-out images decide the number of epochs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from tl_core.data.dataset import stratified_split
from tl_core.feature_training import loss_on, train_on_features
from tl_core.head import LEARNING_RATE, ArrayTrainer
from tl_core.training import finite_loss

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tl_core.device_features import Features
    from tl_core.head import Head
    from tl_core.training import Trainer

#: Share of each class's training images that is held out.
HELD_OUT = 0.2
#: Training ends if the loss of held-out images hasn't fallen for this many epochs and steps (with
#: few images, an epoch has few steps). A fall of less than ``LEAST_GAIN`` nats doesn't count: on
#: easy data, the loss falls for ever.
PATIENCE_EPOCHS, PATIENCE_STEPS, LEAST_GAIN = 10, 200, 1e-3
#: The most epochs, or with few images, the most steps.
MOST_EPOCHS, MOST_STEPS = 100, 10_000


@dataclass(frozen=True)
class Convergence:
    """How a head was trained until it converged.

    Attributes:
        losses: Mean loss of each epoch on all training images, in nats.
        held_out: Number of held-out images, which decided the number of epochs.
        held_out_loss: Their mean loss at the best epoch, in nats.
        converged: Whether that loss stopped falling; False if the limit of epochs was reached.
    """

    losses: list[float]
    held_out: int
    held_out_loss: float
    converged: bool

    @property
    def epochs(self) -> int:
        """Passes over all training images."""
        return len(self.losses)


class _Watch:
    """Follows the loss of held-out images from epoch to epoch."""

    def __init__(self, held_out_loss: Callable[[], float], patience: int) -> None:
        self._held_out_loss, self._patience, self._epoch = held_out_loss, patience, 0
        self.best, self.loss, self.converged = 0, np.inf, False

    def __call__(self) -> bool:
        """Whether the loss hasn't fallen for too long; called after each epoch."""
        self._epoch += 1
        loss = finite_loss(self._held_out_loss())
        if loss < self.loss - LEAST_GAIN:
            self.best, self.loss = self._epoch, loss
        self.converged = self._epoch - self.best >= self._patience
        return self.converged


def numpy_trainer(head: Head) -> Trainer:
    """A trainer in NumPy, with the step size of ``fit``."""
    return ArrayTrainer(head, learning_rate=LEARNING_RATE)


def fit_to_convergence(
    head: Head,
    features: Features,
    labels: NDArray[np.int64],
    *,
    batch_size: int,
    seed: int,
    trainer_of: Callable[[Head], Trainer] = numpy_trainer,
) -> Convergence:
    """Find the number of epochs on held-out images, then train on all images for so many.

    A fifth of each class is held out, the first time only. Where no class has two images, nothing
    can be held out, and the training images' own loss decides.

    Args:
        head: The head, whose weights are the start of both trainings.
        features: float32 ``(n, d)``.
        labels: Class numbers ``(n,)``.
        batch_size: Images per step.
        seed: Of the split and of the order.
        trainer_of: Makes the trainer of each of the two trainings.
    """
    rest, held = held_out_split(labels, seed)
    steps = -(-len(rest) // batch_size)
    patience = max(PATIENCE_EPOCHS, PATIENCE_STEPS // steps)
    start = head.kernel.copy(), head.bias.copy()
    most = max(MOST_EPOCHS, MOST_STEPS // steps)
    trainer = trainer_of(head)
    watch = _Watch(loss_on(trainer, head, features, labels, held), patience)
    train = partial(train_on_features, batch_size=batch_size, seed=seed)
    train(trainer, features, labels[rest], epochs=most, places=rest, is_done=watch)
    head.assign(*start)
    losses = train(trainer_of(head), features, labels, epochs=watch.best)
    return Convergence(losses, len(held), watch.loss, watch.converged)


def held_out_split(
    labels: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Positions of training and held-out images; both are all images if none can be held out."""
    counts = np.bincount(labels)
    several = np.flatnonzero(counts[labels] > 1)
    if not len(several):
        return np.arange(len(labels)), np.arange(len(labels))
    parts = stratified_split(labels[several], HELD_OUT, seed)
    rest, held = (several[part] for part in parts)
    return np.concatenate([rest, np.flatnonzero(counts[labels] == 1)]), held
