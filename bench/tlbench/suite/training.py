"""What ``tlbench train`` does: train a head on a data set and predict its test images."""

from __future__ import annotations

import os
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from tl_core.errors import DataError
from tl_core.sources import error_at, readable
from tlbench.errors import InputError
from tlbench.report.training_page import MissedImage
from tlbench.stats.proportions import confusion
from tlbench.suite.quiet import import_tensorflow_later
from tlbench.suite.readable import readable_data

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tl_core.data import DataSet, Split
    from tl_core.device_features import Features
    from tl_core.head import Evaluation
    from tl_core.transfer import Convergence, Track, TransferModel
    from tlbench.stats.proportions import Confusion
    from tlbench.suite.workloads import Workload

#: Images with wrong predictions that are shown, their longest side in pixels, and JPEG's quality.
SHOWN, SIDE, QUALITY = 60, 160, 80


@dataclass(frozen=True)
class TrainingJob:
    """What is trained, and how.

    The head is trained for ``epochs``, or until it has converged where that is None, then for
    ``fine_tune`` more with the extractor unfrozen; the seed is that of head, shuffling and split;
    ``cache`` says whether features are kept on disk. InputError for the track ``recompute`` without
    a number of epochs.
    """

    workload: Workload
    epochs: int | None
    fine_tune: int
    seed: int
    track: Track
    download: bool
    cache: bool

    def __post_init__(self) -> None:
        if self.track == "recompute" and self.epochs is None:
            raise InputError(
                "--track recompute: expected a number of epochs, since each runs the network on "
                "every training image; add --epochs"
            )


@dataclass(frozen=True, eq=False)
class Training:
    """A trained model with its test result, each epoch's loss in nats, and the seconds it all took.

    Feature extraction is in these seconds; ``reused`` says that all features were in the cache.
    ``convergence`` is None where epochs were given; ``confusion`` has the result's predictions,
    counted. ``unreadable`` has the numbers of training and of test pictures that were left out; the
    data set, and all else, is without them.
    """

    model: TransferModel
    data: DataSet
    losses: list[float]
    convergence: Convergence | None
    seconds: float
    reused: bool
    result: Evaluation
    confusion: Confusion
    unreadable: tuple[int, int]


def train(job: TrainingJob, say: Callable[[str], object]) -> Training:
    """Load data and model, train, and predict the test images.

    Each step is said before it begins.
    """
    from tl_core.data import load_data
    from tl_core.head import evaluation

    options = job.workload
    say(f"loading {options.data}")
    whole = load_data(options.data, download=job.download, seed=job.seed).tolerant()
    data = whole.head(options.train_size, options.test_size)
    sizes = data.sizes
    if job.track == "recompute":  # else extraction decodes each picture, once
        data = readable_data(data, options.image_size)
    train_size, test_size = data.sizes
    # How often the network sees each training image.
    runs = job.epochs if job.epochs and job.track == "recompute" else 1
    say(f"{len(data.class_names)} classes, {train_size:,} + {test_size:,} images")
    import_tensorflow_later(options.device)
    model = _model(job, data.class_names, train_size * runs + test_size, say)
    start = perf_counter()
    losses, convergence = _fit(job, model, data.train, say)
    seconds = perf_counter() - start
    say(f"predicting {test_size:,} test images")
    rows = model.predict(data.test.images, batch_size=options.batch_size)
    usable = readable(data.test.images)
    data = data.readable()
    result = evaluation(rows[usable], data.test.labels)
    counts = confusion(data.test.labels, result.predictions, data.class_names)
    reused = not model.extractor.is_open
    left_out = sizes[0] - len(data.train), sizes[1] - len(data.test)
    return Training(model, data, losses, convergence, seconds, reused, result, counts, left_out)


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
        for i, pixels in zip(chosen, test.images.take(chosen, SIDE), strict=True)
    ]


def _model(
    job: TrainingJob, class_names: Sequence[str], images: int, say: Callable[[str], object]
) -> TransferModel:
    from tl_core.extractor import FeatureExtractor
    from tl_core.training import check_trains
    from tl_core.transfer import TransferModel

    options = job.workload
    network = options.network | {"engine": _engine(job, images, say)}
    extractor = FeatureExtractor(
        options.model,
        image_size=options.image_size,
        cache=job.cache,
        **network,
        **options.reading,
    )
    if job.fine_tune:
        check_trains(extractor)  # rather than after the head was trained
    return TransferModel(extractor, class_names, seed=job.seed)


def _engine(job: TrainingJob, images: int, say: Callable[[str], object]) -> str:
    """The job's engine; for ``auto``, one that costs less than it saves on so many images."""
    from tl_core.engines import AUTO, REFERENCE

    if job.workload.engine != AUTO:
        return job.workload.engine
    engine = REFERENCE if job.fine_tune else worthwhile_engine(job.workload, images)
    if engine != AUTO:
        say(f"engine auto: {engine}, for {images:,} images")
    return engine


def worthwhile_engine(options: Workload, images: int) -> str:
    """What ``auto`` is for so many images; see ``tl_core.engines.engine_for``."""
    from tl_core.engines import NetworkSettings, engine_for

    network = {name: value for name, value in options.network.items() if name != "engine"}
    settings = NetworkSettings(image_size=options.image_size, **network, **options.reading)
    return engine_for(options.model, "features", settings, images)


def _fit(
    job: TrainingJob, model: TransferModel, train: Split, say: Callable[[str], object]
) -> tuple[list[float], Convergence | None]:
    """The head first; an untrained one would wreck an unfrozen extractor."""
    size, convergence = job.workload.batch_size, None
    if job.epochs is None:
        say(f"extracting features of {len(train):,} images")
        features, train = _extracted(model, train, size)
        say("training until held-out images gain no more")
        convergence = model.fit_to_convergence(features, train.labels, batch_size=size)
        losses = list(convergence.losses)
    else:
        say(f"extracting features of {len(train):,} images and training, epochs: {job.epochs}")
        if job.track == "cached":
            features, train = _extracted(model, train, size)
            losses = model.fit_features(features, train.labels, epochs=job.epochs, batch_size=size)
        else:
            losses = model.fit(train.images, train.labels, epochs=job.epochs, batch_size=size)
    if job.fine_tune:
        say(f"training the whole network, epochs: {job.fine_tune}")
        model.unfreeze()
        losses += model.fit(train.images, train.labels, epochs=job.fine_tune, batch_size=size)
    return losses, convergence


def _extracted(model: TransferModel, train: Split, batch_size: int) -> tuple[Features, Split]:
    """Features of the images that can be read, and these with their labels."""
    features = model.extractor.extract_to_device(train.images, batch_size=batch_size)
    usable = readable(train.images)
    if len(usable) == len(train):
        return features, train
    if not len(usable):
        raise DataError(f"no training picture can be read: {error_at(train.images, 0)}")
    return model.extractor.to_device(np.asarray(features)[usable]), train.pick(usable)


def _within(paths: Sequence[Path]) -> list[str]:
    """Files' names within the folder that has them all: where that lies is nobody's concern."""
    if len(paths) < 2:
        return [path.name for path in paths]
    whole = os.path.commonpath(paths)
    return [path.relative_to(whole).as_posix() for path in paths]
