"""The search's tools: networks opened and timed on the pictures, heads cross-validated on them."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from tl_core.data.dataset import permutation
from tl_core.engines.protocol import call_size
from tl_core.engines.tuning import measured_rates
from tl_core.extractor import FeatureExtractor
from tl_core.head import LEARNING_RATE, ArrayTrainer, Head
from tl_core.streaming import BATCH_SIZE
from tl_core.training import rows_of, train

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tl_core.data import Split
    from tl_core.sources import ImageSource
    from tlbench.compare.selection import Candidate

#: Parts that the sample is cut into: each is predicted by a head that learned from the others.
FOLDS = 5
#: Epochs that a head is trained for, and steps at least: about where images held out gain no more.
EPOCHS, STEPS = 20, 2_000
#: A pilot's call takes about so many seconds, with this many images at least and at most; on GPUs
#: at most as many as they run at once, where that is more.
PILOT_S, PILOT_LEAST, PILOT_MOST = 0.5, 8, 128

#: What features depend on: all of a candidate but the engine that its precision is run by.
Features = tuple[str, int, str]


class Evaluation:
    """``tools.Tools`` with the training images of a data set; its test images aren't known here.

    Args:
        train: Images and labels.
        classes: Number of classes.
        network: Further arguments of ``FeatureExtractor``, such as device and threads.
        batch_size: Images per batch.
        seed: Of the sample's order.
    """

    now = staticmethod(perf_counter)

    def __init__(
        self, train: Split, classes: int, network: dict[str, Any], *, batch_size: int, seed: int
    ) -> None:
        order, self._folds = sample_order(train.labels, seed)
        self._images, self._labels = train.images.pick(order), train.labels[order]
        self._classes, self._network, self._batch_size = classes, network, batch_size
        self._extractors: dict[Candidate, FeatureExtractor] = {}
        self._features: dict[Features, list[NDArray[np.float32]]] = {}
        self._choices: dict[tuple[str, str], dict[str, int]] = {}

    def images_per_s(self, candidate: Candidate) -> float:
        """From the pictures to features, decoding and resizing included, nothing from the cache."""
        extractor = self._opened(candidate)

        def run(images: ImageSource) -> None:
            order = np.arange(len(images))
            for _ in extractor.batches(images, order, batch_size=self._batch_size):
                pass

        few = self._images.head(min(PILOT_LEAST, len(self._images)))
        run(few)  # the first call sets up
        choice = extractor.opened.choice
        if choice is not None:  # a pilot of both for each size would take longer than it gains
            own = {"chunk": choice.chunk}
            if self._network.get("device", "cpu") == "cpu":  # others have as many as there are GPUs
                own["workers"] = choice.workers
            self._choices[candidate.engine, candidate.precision] = own
        start = perf_counter()
        run(few)
        count = round(PILOT_S * len(few) / (perf_counter() - start))
        most = min(max(PILOT_MOST, call_size(extractor.network, 1)), len(self._images))
        images = self._images.head(min(max(count, len(few)), most))
        return measured_rates({candidate: run}, images)[candidate]

    def right(self, candidate: Candidate, images: int) -> NDArray[np.bool_]:
        """Which of the first ``images`` heads get right that were trained without their fold."""
        key = candidate.model, candidate.image_size, candidate.precision
        parts = self._features.setdefault(key, [])
        done = sum(map(len, parts))
        if images > done:
            # Only what is new: the features of the first are those of any larger sample, too.
            source = self._images.pick(np.arange(done, images))
            extractor = self._opened(candidate)
            parts.append(extractor.extract(source, batch_size=self._batch_size))
        features = np.concatenate(parts)[:images]
        labels, folds = self._labels[:images], self._folds[:images]
        return cross_validated(features, labels, folds, self._classes, self._batch_size)

    def release(self, candidate: Candidate) -> None:
        """Close the candidate's network; its features stay."""
        self._extractors.pop(candidate, None)

    def _opened(self, candidate: Candidate) -> FeatureExtractor:
        if candidate not in self._extractors:
            self._extractors[candidate] = FeatureExtractor(
                candidate.model,
                engine=candidate.engine,
                image_size=candidate.image_size,
                precision=candidate.precision,
                cache=True,
                **self._network | self._choices.get((candidate.engine, candidate.precision), {}),
            )
        return self._extractors[candidate]


def sample_order(
    labels: NDArray[np.int64], seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """An order whose every beginning has the whole's mix of classes, and each image's fold.

    Args:
        labels: int64 ``(n,)``.
        seed: Of the order.

    Returns:
        Positions ``(n,)``, and for the image at each of them the fold ``(n,)``, 0 to ``FOLDS - 1``:
        every fold, too, has the mix of classes. Both int64.
    """
    bits = np.random.PCG64(seed)
    shuffled = permutation(len(labels), bits)
    own = labels[shuffled]
    ranks = np.empty(len(labels), np.int64)
    for label in np.unique(own):
        members = np.flatnonzero(own == label)
        ranks[members] = np.arange(len(members))
    counts = np.bincount(own)[own]
    order = np.argsort((ranks + 0.5) / counts, kind="stable")
    # Classes begin with different folds, so that rare ones aren't all in the same.
    folds = (ranks + own) % FOLDS
    return shuffled[order], folds[order]


def cross_validated(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    folds: NDArray[np.int64],
    classes: int,
    batch_size: int = BATCH_SIZE,
) -> NDArray[np.bool_]:
    """Which images a head gets right that was trained without the fold they are in.

    Heads of other kinds, such as in closed form, would be quicker, but like other image sizes.

    Args:
        features: float32 ``(n, d)``.
        labels: Class numbers ``(n,)``.
        folds: Fold numbers ``(n,)``, of two folds at least.
        classes: Number of classes, at least 2.
        batch_size: Images per step.

    Returns:
        bool ``(n,)``.
    """
    right = np.zeros(len(labels), bool)
    for fold in np.unique(folds):
        held = folds == fold
        rows, targets = features[~held], labels[~held]
        head = Head(features.shape[1], classes)
        trainer = ArrayTrainer(head, learning_rate=LEARNING_RATE)
        epochs = max(EPOCHS, -(-STEPS * batch_size // len(rows)))
        train(trainer, rows_of(rows, batch_size), targets, epochs, seed=0)
        right[held] = head.predict(features[held]).argmax(axis=1) == labels[held]
    return right
