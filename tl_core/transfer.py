"""Transfer learning: a frozen extractor with a trained head."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from tl_core.errors import DataError, ModelError
from tl_core.head import LEARNING_RATE, DenseHead, Trainer
from tl_core.progress import progress
from tl_core.sources import as_source
from tl_core.streaming import BATCH_SIZE, resized_batches
from tl_core.summary import Summary, summarize

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from os import PathLike

    from numpy.typing import NDArray

    from tl_core.extractor import FeatureExtractor

    #: Positions in the labels, and what the trainer takes for them.
    Batches = Iterator[tuple[NDArray[np.int64], NDArray[np.uint8] | NDArray[np.float32]]]

#: ``recompute`` runs the extractor on every image in every epoch, as the tutorial does;
#: ``cached`` runs it once and trains on the stored features. Never to be compared in one column.
Track = Literal["recompute", "cached"]
#: Adam's step size once the extractor is unfrozen: large ones undo what it learned.
FINE_TUNE_LEARNING_RATE = 1e-4


@dataclass(frozen=True)
class Evaluation:
    """A model's answers on labelled images.

    Attributes:
        accuracy: Top-1, 0 to 1.
        loss: Mean cross-entropy, in nats.
        predictions: Most probable class of each image, int64 ``(n,)``.
    """

    accuracy: float
    loss: float
    predictions: NDArray[np.int64]


class TransferModel:
    """A feature extractor and a Dense softmax head.

    Args:
        extractor: The backbone; frozen unless ``fine_tune``.
        class_names: Names in label order, at least 2.
        seed: Of the head's starting weights.
        fine_tune: Unfreeze the extractor as well; see ``unfreeze``.

    Attributes:
        head: The head's variables.
        fine_tune: Whether the extractor is trained too.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        class_names: Sequence[str],
        *,
        seed: int = 0,
        fine_tune: bool = False,
    ) -> None:
        self.extractor = extractor
        self.class_names = tuple(class_names)
        self.seed = seed
        self.head = DenseHead(extractor.feature_size, len(self.class_names), seed=seed)
        self.fine_tune = False
        self._trainer: Trainer | None = None
        if fine_tune:
            self.unfreeze()

    def unfreeze(self) -> None:
        """Train the extractor too from the next ``fit`` on; best after the head was trained.

        Raises:
            ModelError: The engine runs a fixed network, or the module has nothing to train.
        """
        modules = getattr(self.extractor.network, "modules", None)
        if modules is None or len(modules) != 1:
            raise ModelError(
                f"engine {self.extractor.engine!r} on {self.extractor.device}: can't be fine-tuned;"
                " use the engine tensorflow on one device"
            )
        if not modules[0].trainable_variables:
            raise ModelError(
                f"{self.extractor.handle}: the module has no trainable variables and can't be "
                "fine-tuned; train the head only, or take a TF2 module"
            )
        self.fine_tune = True
        self._trainer = None

    def compile(self, *, learning_rate: float | None = None) -> Trainer:
        """Trace the training step with a fresh Adam; ``fit`` does so where it wasn't done.

        Args:
            learning_rate: None takes Keras's 1e-3, or 1e-4 when fine-tuning.
        """
        default = FINE_TUNE_LEARNING_RATE if self.fine_tune else LEARNING_RATE
        self._trainer = Trainer(
            self.head,
            learning_rate=learning_rate or default,
            backbone=self.extractor.network.modules[0] if self.fine_tune else None,  # type: ignore[attr-defined]
            image_size=self.extractor.image_size,
        )
        return self._trainer

    def fit(
        self,
        images: object,
        labels: NDArray[np.integer] | Sequence[int],
        *,
        epochs: int = 1,
        batch_size: int = BATCH_SIZE,
        seed: int | None = None,
        track: Track = "recompute",
    ) -> list[float]:
        """Train with Adam on shuffled batches; a second call goes on where the first ended.

        Args:
            images: uint8 RGB ``(n, h, w, 3)``, paths, or an ``ImageSource``.
            labels: Class numbers ``(n,)``, from 0 in ``class_names``' order.
            epochs: Passes over the images, at least 1.
            batch_size: Images a step.
            seed: Of the shuffling; None takes the model's.
            track: ``recompute`` or ``cached``.

        Returns:
            The mean loss of each epoch, in nats.

        Raises:
            DataError: Images and labels don't fit together.
            ModelError: A bad option, or a cached track when features change while training.
        """
        source = as_source(images)
        self._check_track(track)
        if track == "cached":
            features = self.extractor.extract(source, batch_size=batch_size)
            return self.fit_features(
                features, labels, epochs=epochs, batch_size=batch_size, seed=seed
            )

        def inputs(order: NDArray[np.int64]) -> Batches:
            extractor = self.extractor
            for part, batch in resized_batches(
                source, order, extractor.image_size, batch_size=batch_size, method=extractor.resize
            ):
                yield part, batch if self.fine_tune else extractor.network(batch)

        return self._train(inputs, self._checked_labels(labels, len(source)), epochs, seed)

    def fit_features(
        self,
        features: NDArray[np.float32],
        labels: NDArray[np.integer] | Sequence[int],
        *,
        epochs: int = 1,
        batch_size: int = BATCH_SIZE,
        seed: int | None = None,
    ) -> list[float]:
        """Train the head on features ``(n, d)`` that were extracted before; else as ``fit``."""
        self._check_track("cached")

        def inputs(order: NDArray[np.int64]) -> Batches:
            for i in range(0, len(order), batch_size):
                part = order[i : i + batch_size]
                yield part, features[part]

        return self._train(inputs, self._checked_labels(labels, len(features)), epochs, seed)

    def predict(self, images: object, *, batch_size: int = BATCH_SIZE) -> NDArray[np.float32]:
        """Class probabilities, float32 ``(n, classes)``, of images as for ``fit``."""
        return self.head.predict(self.extractor.extract(images, batch_size=batch_size))

    def evaluate(
        self,
        images: object,
        labels: NDArray[np.integer] | Sequence[int],
        *,
        batch_size: int = BATCH_SIZE,
    ) -> Evaluation:
        """Top-1 accuracy and loss on labelled images, as for ``fit``."""
        source = as_source(images)
        targets = self._checked_labels(labels, len(source))
        return evaluation(self.predict(source, batch_size=batch_size), targets)

    def summary(self) -> Summary:
        """Layers with their frozen and trainable parameter counts."""
        return summarize(self)

    def save(self, folder: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Write a SavedModel that plain TensorFlow serves; see ``tl_core.serving``."""
        from tl_core.serving import save_model

        save_model(self, folder, overwrite=overwrite)

    @classmethod
    def load(
        cls, folder: str | PathLike[str], *, device: str = "cpu", threads: int | None = None
    ) -> TransferModel:
        """Read a model that ``save`` wrote, ready to predict or to train on."""
        from tl_core.serving import load_model

        return load_model(folder, device=device, threads=threads)

    def _train(
        self,
        inputs: Callable[[NDArray[np.int64]], Batches],
        labels: NDArray[np.int64],
        epochs: int,
        seed: int | None,
    ) -> list[float]:
        if epochs < 1:
            raise ModelError(f"{epochs} epochs: expected at least 1")
        trainer = self._trainer or self.compile()
        rng = np.random.default_rng(self.seed if seed is None else seed)
        losses = []
        with progress(epochs * len(labels), "train") as bar:
            for _ in range(epochs):
                total = 0.0
                for part, batch in inputs(rng.permutation(len(labels))):
                    total += trainer.step(batch, labels[part]) * len(part)
                    bar.update(len(part))
                losses.append(total / len(labels))
        return losses

    def _check_track(self, track: str) -> None:
        if track not in get_args(Track):
            raise ModelError(f"track {track!r}: expected recompute or cached")
        if self.fine_tune and track == "cached":
            raise ModelError(
                "track 'cached' while fine-tuning: features change with every step; use recompute"
            )

    def _checked_labels(
        self, labels: NDArray[np.integer] | Sequence[int], images: int
    ) -> NDArray[np.int64]:
        array = np.asarray(labels)
        if array.shape != (images,) or images == 0:
            raise DataError(f"labels of shape {array.shape} for {images} images: expected as many")
        if not np.issubdtype(array.dtype, np.integer):
            raise DataError(f"labels of dtype {array.dtype}: expected class numbers (integers)")
        if array.min() < 0 or array.max() >= len(self.class_names):
            raise DataError(
                f"labels from {array.min()} to {array.max()}: expected 0 to "
                f"{len(self.class_names) - 1}, one for each of {len(self.class_names)} class names"
            )
        return array.astype(np.int64)


def evaluation(probabilities: NDArray[np.float32], labels: NDArray[np.int64]) -> Evaluation:
    """Judge probabilities ``(n, classes)`` against labels ``(n,)``."""
    right = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    predictions = probabilities.argmax(axis=1).astype(np.int64)
    return Evaluation(
        accuracy=float((predictions == labels).mean()),
        loss=float(-np.log(np.maximum(right, np.finfo(np.float32).tiny)).mean()),
        predictions=predictions,
    )
