"""Transfer learning: a frozen extractor with a trained head."""

from __future__ import annotations

from functools import partial
from os import fspath
from typing import TYPE_CHECKING

import numpy as np

from tl_core.convergence import Convergence, fit_to_convergence
from tl_core.engines.names import REFERENCE
from tl_core.extractor import FeatureExtractor
from tl_core.feature_training import train_on_features
from tl_core.head import (
    LEARNING_RATE,
    STRENGTH,
    Evaluation,
    Head,
    evaluation,
    ridge_head,
)
from tl_core.models.pins import pinned_folder
from tl_core.serving import Trained, load_model, save_model
from tl_core.sources import as_source
from tl_core.streaming import BATCH_SIZE
from tl_core.summary import Summary, summarize
from tl_core.trainers import feature_trainer, train_on_images, trainer_for
from tl_core.training import (
    Track,
    check_options,
    check_trains,
    checked_class_names,
    checked_features,
    checked_labels,
    checked_learning_rate,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike

    from numpy.typing import NDArray

    from tl_core.device_features import Features
    from tl_core.training import Labels, Trainer

__all__ = [
    "FINE_TUNE_LEARNING_RATE",
    "Convergence",
    "Evaluation",
    "Track",
    "TransferModel",
    "evaluation",
]

#: Adam's step size for fine-tuning: large steps destroy what the extractor has learned.
FINE_TUNE_LEARNING_RATE = 1e-4


class TransferModel:
    """A feature extractor and a Dense softmax head.

    Args:
        extractor: The backbone; frozen unless ``fine_tune``. It isn't copied: models that
            have the same extractor share it, fine-tuned weights included.
        class_names: Names in label order, at least 2, all different.
        seed: Random seed of the head's initial weights, the shuffling and the split.
        fine_tune: Also unfreeze the extractor; see ``unfreeze``.

    Attributes:
        head: The trained layer. On a GPU it is trained there. On the CPU, beside a network that
            TensorFlow runs, TensorFlow trains it; beside another runtime, and on cached features,
            NumPy does, so that TensorFlow needn't be loaded at all.
        fine_tune: Whether the extractor is trained too.

    Raises:
        ModelError: Fewer than two class names, a repeated name, or an extractor that can't be
            fine-tuned.
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
        self.class_names = checked_class_names(class_names)
        self.seed = seed
        self.head = Head(extractor.feature_size, len(self.class_names), seed=seed)
        self.fine_tune = False
        self._trainer: Trainer | None = None
        if fine_tune:
            self.unfreeze()

    def unfreeze(self) -> None:
        """Train the extractor too from the next ``fit`` on; best after the head is trained.

        This also changes every other model that shares the extractor: give a fine-tuned model its
        own extractor.

        Raises:
            ModelError: The engine runs a fixed network, or the module can't be trained.
        """
        check_trains(self.extractor)
        self.fine_tune = True
        self.extractor.cache = False  # the features on disk are those of the old weights
        self._trainer = None

    def compile(self, *, learning_rate: float | None = None) -> Trainer:
        """Prepare the training step with a fresh Adam; else the first ``fit`` does this.

        A learning rate must be above 0, else ModelError; None takes 1e-3, or 1e-4 when fine-tuning.
        """
        if learning_rate is None:
            learning_rate = FINE_TUNE_LEARNING_RATE if self.fine_tune else LEARNING_RATE
        self._trainer = trainer_for(
            self.head,
            self.extractor,
            learning_rate=checked_learning_rate(learning_rate),
            fine_tune=self.fine_tune,
        )
        return self._trainer

    def fit(
        self,
        images: object,
        labels: Labels,
        *,
        epochs: int = 1,
        batch_size: int = BATCH_SIZE,
        seed: int | None = None,
        track: Track = "recompute",
    ) -> list[float]:
        """Train with Adam on shuffled batches; a second call continues the first.

        Args:
            images: uint8 RGB ``(n, h, w, 3)``, paths, or an ``ImageSource``.
            labels: Class numbers ``(n,)``, from 0 in ``class_names``' order.
            epochs: Passes over the images, at least 1.
            batch_size: Images per step, at least 1.
            seed: Random seed of the shuffling; None takes the model's.
            track: ``recompute`` or ``cached``.

        Returns:
            The mean loss of each epoch, in nats.

        Raises:
            DataError: Images and labels don't fit together.
            ModelError: A bad option, or a cached track when features change while training.
        """
        source, extractor = as_source(images), self.extractor
        check_options(epochs=epochs, batch_size=batch_size, track=track, fine_tune=self.fine_tune)
        targets = checked_labels(labels, len(source), len(self.class_names))
        if track == "cached":
            rows = extractor.extract_to_device(source, batch_size=batch_size)
            on_rows = partial(train_on_features, features=rows, batch_size=batch_size)
            return self._train(on_rows, targets, epochs, seed)

        on_images = partial(
            train_on_images,
            extractor=extractor,
            source=source,
            batch_size=batch_size,
            fine_tune=self.fine_tune,
        )
        return self._train(on_images, targets, epochs, seed)

    def fit_features(
        self,
        features: Features,
        labels: Labels,
        *,
        epochs: int = 1,
        batch_size: int = BATCH_SIZE,
        seed: int | None = None,
    ) -> list[float]:
        """Train the head on features ``(n, extractor.feature_size)`` that were extracted before.

        Otherwise as ``fit``: features of another dtype or width are a DataError, an unfrozen
        extractor is a ModelError. On a GPU, features of ``extractor.to_device`` or
        ``extract_to_device`` are there already; others are copied to it in each call.
        """
        rows, targets = self._checked(features, labels, epochs=epochs, batch_size=batch_size)
        on_rows = partial(train_on_features, features=rows, batch_size=batch_size)
        return self._train(on_rows, targets, epochs, seed)

    def fit_to_convergence(
        self,
        features: Features,
        labels: Labels,
        *,
        batch_size: int = BATCH_SIZE,
        seed: int | None = None,
    ) -> Convergence:
        """Replace the head by a new one, trained until it converges.

        Held-out images, a fifth, decide the number of epochs; see ``tl_core.convergence``.
        Features and labels as for ``fit_features``.
        """
        rows, targets = self._checked(features, labels, batch_size=batch_size)
        self.head = Head(self.extractor.feature_size, len(self.class_names), seed=self.seed)
        self._trainer = None
        extractor, order = self.extractor, self._order(seed)
        return fit_to_convergence(
            self.head,
            extractor.to_device(rows),
            targets,
            batch_size=batch_size,
            seed=order,
            trainer_of=partial(feature_trainer, extractor=extractor, learning_rate=LEARNING_RATE),
        )

    def fit_ridge(
        self,
        features: Features,
        labels: Labels,
        *,
        strength: float = STRENGTH,
    ) -> None:
        """Replace the head by the closed-form solution; see ``ridge_head``.

        Features and labels as for ``fit_features``; a strength of 0 or below is a ModelError. Its
        probabilities are not calibrated: only the class with the largest one is meaningful.
        """
        rows, targets = self._checked(features, labels)
        solution = ridge_head(np.asarray(rows), targets, len(self.class_names), strength)
        self.head.assign(*solution)
        self._trainer = None  # its optimizer belongs to the old head

    def predict(self, images: object, *, batch_size: int = BATCH_SIZE) -> NDArray[np.float32]:
        """Class probabilities, float32 ``(n, classes)``, of images as for ``fit``."""
        return self.head.predict(self.extractor.extract(images, batch_size=batch_size))

    def evaluate(
        self,
        images: object,
        labels: Labels,
        *,
        batch_size: int = BATCH_SIZE,
    ) -> Evaluation:
        """Top-1 accuracy and loss on labelled images, as for ``fit``."""
        source = as_source(images)
        targets = checked_labels(labels, len(source), len(self.class_names))
        return evaluation(self.predict(source, batch_size=batch_size), targets)

    def summary(self) -> Summary:
        """Layers with their frozen and trainable parameter counts."""
        return summarize(self.extractor, self.head, fine_tune=self.fine_tune)

    def save(self, folder: str | PathLike[str], *, overwrite: bool = False) -> None:
        """Write a SavedModel that plain TensorFlow serves; see ``tl_core.serving``."""
        own = self.extractor
        names, seed, head = self.class_names, self.seed, self.head
        trained = Trained(own.handle, own.image_size, own.resize, names, seed, head)
        save_model(trained, own.module, folder, overwrite=overwrite)

    @classmethod
    def load(
        cls,
        folder: str | PathLike[str],
        *,
        engine: str = REFERENCE,
        device: str = "cpu",
        threads: int | None = None,
        trust: bool = False,
    ) -> TransferModel:
        """Read a model that ``save`` wrote, ready to predict or to train on.

        The folder may be followed by a pin, as a model's handle (see ``models.resolve``).

        Engine, device, threads and trust as for ``FeatureExtractor``; ModelError if the folder has
        no such model.
        """
        path = pinned_folder(fspath(folder))
        trained = load_model(path)
        extractor = FeatureExtractor(
            str(path.absolute()),
            engine=engine,
            image_size=trained.image_size,
            resize=trained.resize,
            device=device,
            threads=threads,
            trust=trust,
        )
        extractor.handle = trained.handle
        model = cls(extractor, trained.class_names, seed=trained.seed)
        model.head = trained.head
        return model

    def _train(
        self,
        run: Callable[..., list[float]],
        labels: NDArray[np.int64],
        epochs: int,
        seed: int | None,
    ) -> list[float]:
        trainer = self._trainer or self.compile()
        return run(trainer, labels=labels, epochs=epochs, seed=self._order(seed))

    def _order(self, seed: int | None) -> int:
        """The seed of the shuffling."""
        return self.seed if seed is None else seed

    def _checked(
        self,
        features: Features,
        labels: Labels,
        *,
        epochs: int = 1,
        batch_size: int = BATCH_SIZE,
    ) -> tuple[Features, NDArray[np.int64]]:
        check_options(epochs=epochs, batch_size=batch_size, fine_tune=self.fine_tune)
        rows = checked_features(features, self.extractor.feature_size)
        return rows, checked_labels(labels, len(rows), len(self.class_names))
