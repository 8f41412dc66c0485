"""Training the head for one epoch, with features recomputed or cached: two tracks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.measure.rounds import measure
from bench.records.row import fill_row
from bench.suite.checks import check_accuracy
from tl_core.transfer import TransferModel, evaluation

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

    from bench.floors import Bounds
    from bench.job import Job
    from tl_core.transfer import Track


@pytest.mark.stage("train", track="recompute")
def test_train_recompute(benchmark: BenchmarkFixture, job: Job, bounds: Bounds) -> None:
    """One epoch from raw uint8 images: every image is resized and extracted again."""
    train = job.data.train

    def epoch(model: TransferModel) -> TransferModel:
        model.fit(train.images, train.labels, batch_size=job.workload.batch_size)
        return model

    _train(benchmark, job, bounds, epoch, "recompute", rounds=1, warmup_rounds=0)


@pytest.mark.stage("train", track="cached")
def test_train_cached(benchmark: BenchmarkFixture, job: Job, bounds: Bounds) -> None:
    """One epoch on features that were extracted before; extraction is not in this time."""
    features, labels = job.train_features(), job.data.train.labels

    def epoch(model: TransferModel) -> TransferModel:
        model.fit_features(features, labels, batch_size=job.workload.batch_size)
        return model

    _train(benchmark, job, bounds, epoch, "cached", rounds=job.workload.rounds, warmup_rounds=1)


def _train(
    benchmark: BenchmarkFixture,
    job: Job,
    bounds: Bounds,
    epoch: Callable[[TransferModel], TransferModel],
    track: Track,
    *,
    rounds: int,
    warmup_rounds: int,
) -> None:
    """Time ``epoch`` on a new model each round, and judge every model that it trained."""
    measured = measure(
        benchmark,
        epoch,
        lambda _: job.new_model(),
        rounds=rounds,
        warmup_rounds=warmup_rounds,
    )
    labels, features = job.data.test.labels, job.test_features()
    accuracies = [
        evaluation(model.head.predict(features), labels).accuracy for model in measured.outputs
    ]
    for accuracy in accuracies:
        check_accuracy(accuracy, bounds)
    fill_row(
        benchmark,
        job,
        measured,
        stage="train",
        track=track,
        images=len(job.data.train),
        accuracy=min(accuracies),
        bounds=bounds,
    )
