"""What ``tlbench train`` does: train a head on a data set and predict its test images."""

from __future__ import annotations

import os
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from tlbench.report.training_page import MissedImage
from tlbench.stats.proportions import confusion
from tlbench.suite.quiet import import_tensorflow

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tl_core.data import DataSet, Split
    from tl_core.head import Evaluation
    from tl_core.transfer import Track, TransferModel
    from tlbench.stats.proportions import Confusion
    from tlbench.suite.workloads import Workload

#: Images with wrong predictions that are shown, their longest side in pixels, and JPEG's quality.
SHOWN, SIDE, QUALITY = 60, 160, 80


@dataclass(frozen=True)
class TrainingJob:
    """What is trained, and how.

    The head is trained for ``epochs``, then for ``fine_tune`` more with the extractor unfrozen; the
    seed is that of head, shuffling and split; ``cache`` says whether features are kept on disk.
    """

    workload: Workload
    epochs: int
    fine_tune: int
    seed: int
    track: Track
    download: bool
    cache: bool


@dataclass(frozen=True, eq=False)
class Training:
    """A trained model with its test result, each epoch's loss in nats, and the seconds it all took.

    Feature extraction is in these seconds. ``confusion`` has the result's predictions, counted.
    """

    model: TransferModel
    data: DataSet
    losses: list[float]
    seconds: float
    result: Evaluation
    confusion: Confusion


def train(job: TrainingJob) -> Training:
    """Load data and model, train, and predict the test images."""
    from tl_core.data import load_data
    from tl_core.head import evaluation

    options = job.workload
    whole = load_data(options.data, download=job.download, seed=job.seed)
    data = whole.head(options.train_size, options.test_size)
    import_tensorflow(options.device)
    model = _model(job, data.class_names)
    start = perf_counter()
    losses = _fit(job, model, data.train)
    seconds = perf_counter() - start
    result = evaluation(
        model.predict(data.test.images, batch_size=options.batch_size), data.test.labels
    )
    counts = confusion(data.test.labels, result.predictions, data.class_names)
    return Training(model, data, losses, seconds, result, counts)


def missed_images(test: Split, result: Evaluation, names: Sequence[str]) -> list[MissedImage]:
    """Images with a wrong prediction, the most confident first, at most ``SHOWN``."""
    from tlbench.suite.samples import thumbnail

    wrong = np.flatnonzero(result.predictions != test.labels)
    chosen = wrong[np.argsort(-result.confidences[wrong], kind="stable")][:SHOWN]
    paths = getattr(test.images, "paths", None)
    files = _within(paths) if paths else [None] * len(test.labels)
    return [
        MissedImage(
            picture=thumbnail(pixels, SIDE, QUALITY),
            actual=names[test.labels[i]],
            predicted=names[result.predictions[i]],
            probability=float(result.confidences[i]),
            file=files[i],
        )
        for i, pixels in zip(chosen, test.images.take(chosen), strict=True)
    ]


def _model(job: TrainingJob, class_names: Sequence[str]) -> TransferModel:
    from tl_core.extractor import FeatureExtractor
    from tl_core.training import check_trains
    from tl_core.transfer import TransferModel

    options = job.workload
    extractor = FeatureExtractor(
        options.model, image_size=options.image_size, cache=job.cache, **options.network
    )
    if job.fine_tune:
        check_trains(extractor)  # rather than after the head was trained
    return TransferModel(extractor, class_names, seed=job.seed)


def _fit(job: TrainingJob, model: TransferModel, train: Split) -> list[float]:
    """The head first; an untrained one would wreck an unfrozen extractor."""
    size = job.workload.batch_size
    losses = model.fit(
        train.images, train.labels, epochs=job.epochs, batch_size=size, track=job.track
    )
    if job.fine_tune:
        model.unfreeze()
        losses += model.fit(train.images, train.labels, epochs=job.fine_tune, batch_size=size)
    return losses


def _within(paths: Sequence[Path]) -> list[str]:
    """Files' names within the folder that has them all: where that lies is nobody's concern."""
    if len(paths) < 2:
        return [path.name for path in paths]
    whole = os.path.commonpath(paths)
    return [path.relative_to(whole).as_posix() for path in paths]
