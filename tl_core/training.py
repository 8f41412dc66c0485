"""Run the epochs of a trainer in shuffled order, after checking its inputs."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal, Protocol, get_args

import numpy as np

from tl_core.device_features import DeviceFeatures
from tl_core.errors import DataError, ModelError
from tl_core.progress import progress

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from tl_core.device_features import Features
    from tl_core.extractor import FeatureExtractor

    #: Class numbers.
    Labels = NDArray[np.integer] | Sequence[int]
    #: From an order to positions in it and a trainer's inputs for them, step by step.
    Inputs = Callable[[NDArray[np.int64]], Iterator[tuple[NDArray[np.int64], NDArray[Any]]]]
    #: Trains once on images in the given order, and says how many are done; the mean loss, in nats.
    Epoch = Callable[[NDArray[np.int64], Callable[[int], object]], float]


#: ``recompute`` runs the extractor on every image in every epoch, as the tutorial does;
#: ``cached`` runs it once and trains on the stored features. The two are never compared.
Track = Literal["recompute", "cached"]


class Trainer(Protocol):
    """Takes steps on a head."""

    def step(self, inputs: NDArray[Any], labels: NDArray[np.int64]) -> float:
        """Train on one batch; its mean cross-entropy before the step, in nats."""

    def store(self) -> None:
        """Give the head the trained weights."""


def rows_of(
    features: NDArray[np.float32], batch_size: int, places: NDArray[np.int64] | None = None
) -> Inputs:
    """Features ``(n, d)``, or those at some positions, as inputs, ``batch_size`` rows per step."""

    def inputs(
        order: NDArray[np.int64],
    ) -> Iterator[tuple[NDArray[np.int64], NDArray[np.float32]]]:
        for i in range(0, len(order), batch_size):
            part = order[i : i + batch_size]
            yield part, features[part if places is None else places[part]]

    return inputs


def train(
    trainer: Trainer,
    inputs: Inputs,
    labels: NDArray[np.int64],
    epochs: int,
    seed: int,
    *,
    is_done: Callable[[], bool] | None = None,
) -> list[float]:
    """Train; the mean loss of each epoch, in nats.

    ``is_done`` is called after each epoch and ends the training early if it returns True.
    """

    def epoch(order: NDArray[np.int64], update: Callable[[int], object]) -> float:
        total = 0.0
        for part, batch in inputs(order):
            total += trainer.step(batch, labels[part]) * len(part)
            update(len(part))
        return total / len(labels)

    return run_epochs(trainer, epoch, len(labels), epochs, seed, is_done=is_done)


def run_epochs(
    trainer: Trainer,
    epoch: Epoch,
    images: int,
    epochs: int,
    seed: int,
    *,
    is_done: Callable[[], bool] | None = None,
) -> list[float]:
    """Run epochs, each in an order of its own; the mean loss of each, in nats. See ``train``.

    ModelError where the loss isn't finite.
    """
    rng = np.random.default_rng(seed)
    losses = []
    with progress(epochs * images, "train") as bar:
        for _ in range(epochs):
            losses.append(finite_loss(epoch(rng.permutation(images), bar.update)))
            trainer.store()
            if is_done is not None and is_done():
                break
    return losses


def finite_loss(loss: float) -> float:
    """The loss itself; ModelError if it is NaN or infinite."""
    if not math.isfinite(loss):
        raise ModelError(
            f"training: the loss is {loss}, expected a finite number; check that the features are "
            "finite, or take a smaller learning rate"
        )
    return loss


def checked_class_names(names: Sequence[str]) -> tuple[str, ...]:
    """The names as a tuple; ModelError if two classes have the same name."""
    twice = sorted(name for name, n in Counter(names).items() if n > 1)
    if twice:
        raise ModelError(
            f"class names {', '.join(map(repr, twice))} more than once: expected a different name "
            "for each class. Rename or merge the classes"
        )
    return tuple(names)


def check_options(
    *, epochs: int, batch_size: int, track: str = "cached", fine_tune: bool = False
) -> None:
    """Refuse, with a ModelError, bad options of ``TransferModel.fit``.

    Epochs or batch size below 1, no such track, or cached features that change while training.
    """
    if epochs < 1:
        raise ModelError(f"{epochs} epochs: expected at least 1")
    if batch_size < 1:
        raise ModelError(f"batch size {batch_size}: expected at least 1 image per step")
    if track not in get_args(Track):
        raise ModelError(f"track {track!r}: expected recompute or cached")
    if fine_tune and track == "cached":
        raise ModelError(
            "track 'cached' while fine-tuning: features change with every step; use recompute"
        )


def check_trains(extractor: FeatureExtractor) -> None:
    """Raise ModelError if the engine runs a fixed network, or the module can't be trained."""
    module = extractor.network.module
    if module is None:
        raise ModelError(
            f"engine {extractor.engine!r} on {extractor.device}: can't be fine-tuned;"
            " use the engine tensorflow on one device, with precision fp32"
        )
    lack = None
    if not module.trainable_variables:
        lack = "has no trainable variables"
    elif not module.takes_training:
        lack = "can't be called with training=True"
    if lack:
        raise ModelError(
            f"{extractor.handle}: the module {lack}, so it can't be fine-tuned; train the head "
            "only, or use a reusable TensorFlow 2 module"
        )


def checked_learning_rate(rate: float) -> float:
    """The step size itself; ModelError if it isn't a positive number."""
    if not 0 < rate < math.inf:
        raise ModelError(f"learning rate {rate}: expected a number above 0, such as 0.001")
    return float(rate)


def checked_features(features: object, width: int) -> Features:
    """The features themselves if they are float32 ``(n, width)``; else DataError."""
    array = features if isinstance(features, DeviceFeatures) else np.asarray(features)
    if array.dtype != np.float32 or array.ndim != 2 or array.shape[1] != width:
        raise DataError(
            f"features of dtype {array.dtype} and shape {array.shape}: expected float32 (n, "
            f"{width}), as this model's extractor gives them with `extract`"
        )
    return array


def checked_labels(
    labels: NDArray[np.integer] | Sequence[int], images: int, classes: int
) -> NDArray[np.int64]:
    """The labels as int64 ``(images,)``; DataError unless each image has one class number."""
    array = np.asarray(labels)
    if array.shape != (images,) or images == 0:
        raise DataError(
            f"labels of shape {array.shape} for {images} images: expected one class number per "
            "image, and at least one image"
        )
    if not np.issubdtype(array.dtype, np.integer):
        raise DataError(f"labels of dtype {array.dtype}: expected class numbers (integers)")
    if array.min() < 0 or array.max() >= classes:
        raise DataError(
            f"labels from {array.min()} to {array.max()}: expected 0 to {classes - 1}, one for "
            f"each of {classes} class names"
        )
    return array.astype(np.int64)
