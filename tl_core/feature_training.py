"""Training heads on features: step by step, or on a device in loops."""

from __future__ import annotations

from contextlib import closing, nullcontext
from typing import TYPE_CHECKING

import numpy as np

from tl_core.device_features import on_device
from tl_core.device_trainer import DeviceTrainer
from tl_core.engines.protocol import KeepsOutputs
from tl_core.head import evaluation
from tl_core.streaming import output_calls
from tl_core.training import rows_of, run_epochs, train

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from tl_core.device_features import Features
    from tl_core.engines.protocol import ChunkedNetwork
    from tl_core.head import Head
    from tl_core.sources import ImageSource
    from tl_core.training import Trainer


def train_on_features(
    trainer: Trainer,
    features: Features,
    labels: NDArray[np.int64],
    *,
    batch_size: int,
    epochs: int,
    seed: int,
    places: NDArray[np.int64] | None = None,
    is_done: Callable[[], bool] | None = None,
) -> list[float]:
    """Train; the mean loss of each epoch, in nats.

    Args:
        trainer: Who takes the steps. A ``DeviceTrainer`` takes all of an epoch in one call.
        features: float32 ``(n, d)``.
        labels: Class numbers ``(n,)``; with ``places``, of the features there, ``(k,)``.
        batch_size: Images per step.
        epochs: Passes over the images at most.
        seed: Of the order.
        places: Of the features to train on, int64 ``(k,)``; None takes all.
        is_done: See ``training.train``.
    """
    if not isinstance(trainer, DeviceTrainer):
        inputs = rows_of(np.asarray(features), batch_size, places)
        return train(trainer, inputs, labels, epochs, seed, is_done=is_done)
    rows = on_device(features, trainer.device)

    def epoch(order: NDArray[np.int64], update: Callable[[int], object]) -> float:
        chosen = order if places is None else places[order]
        loss = trainer.epoch(rows, chosen, labels[order], batch_size)
        update(len(order))
        return loss

    return run_epochs(trainer, epoch, len(labels), epochs, seed, is_done=is_done)


def train_beside_extraction(
    trainer: DeviceTrainer,
    labels: NDArray[np.int64],
    epochs: int,
    seed: int,
    *,
    network: ChunkedNetwork,
    source: ImageSource,
    batch_size: int,
    method: str,
) -> list[float]:
    """Train on features that are extracted anew in each epoch; the mean loss of each, in nats.

    The device trains on those of a call of the network while the next one runs, and none of them
    leaves it.

    Args:
        trainer: Who takes the steps.
        labels: Class numbers ``(n,)``.
        epochs: Passes over the images.
        seed: Of the order.
        network: Extracts.
        source: The n images.
        batch_size: Images per step.
        method: Of resizing, one of ``RESIZE_METHODS``.
    """

    def epoch(order: NDArray[np.int64], update: Callable[[int], object]) -> float:
        total = 0.0
        calls = output_calls(network, source, order, batch_size=batch_size, method=method)
        keeping = network.keeping_outputs() if isinstance(network, KeepsOutputs) else nullcontext()
        with keeping, closing(calls):
            for places, rows in calls:
                total += trainer.steps(rows, labels[places], batch_size)
                update(len(places))
        return float(total) / len(labels)

    return run_epochs(trainer, epoch, len(labels), epochs, seed)


def loss_on(
    trainer: Trainer,
    head: Head,
    features: Features,
    labels: NDArray[np.int64],
    places: NDArray[np.int64],
) -> Callable[[], float]:
    """A function that gives the mean loss of the features at some places, in nats.

    It is that of the head as its trainer stored it last; labels ``(n,)`` are of all features.
    """
    own = labels[places]
    if isinstance(trainer, DeviceTrainer):
        rows = on_device(features, trainer.device).take(places)
        return lambda: trainer.loss(rows, own)
    part = np.asarray(features)[places]
    return lambda: evaluation(head.predict(part), own).loss
