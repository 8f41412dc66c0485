"""Training the head for one epoch, with features recomputed or cached: two tracks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tl_core.transfer import TransferModel, evaluation
from tlbench.suite.checks import check_accuracy, warm_up_split
from tlbench.suite.costs import cached_heads
from tlbench.suite.row_fields import fill_row
from tlbench.timing.rounds import Stage

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from tl_core.data import Split
    from tl_core.transfer import Track
    from tlbench.suite.conftest import Timed
    from tlbench.suite.floors import Bounds
    from tlbench.suite.job import Job
    from tlbench.timing.rounds import Measured


@pytest.mark.stage("train", track="recompute")
def test_train_recompute(
    benchmark: BenchmarkFixture, timed: Timed, job: Job, bounds: Bounds
) -> None:
    """One epoch from raw uint8 images: every image is resized and extracted again."""
    train, batch_size = job.data.train, job.workload.batch_size

    def epoch(given: tuple[TransferModel, Split]) -> list[TransferModel]:
        model, split = given
        model.fit(split.images, split.labels, batch_size=batch_size)
        return [model]

    stage = Stage(
        epoch,
        lambda number: (job.new_model(number), train),
        len(train),
        warm_up=lambda number: (job.new_model(number), warm_up_split(job, train)),
        most_warm_ups=1,
    )
    _judge(benchmark, job, bounds, timed(stage), "recompute")


@pytest.mark.stage("train", track="cached")
def test_train_cached(benchmark: BenchmarkFixture, timed: Timed, job: Job, bounds: Bounds) -> None:
    """One epoch on features that were extracted before; extraction is not in this time.

    On few images a round trains several heads, one after the other: an epoch of 30 ms is too
    short to be told from what else goes on in a machine.
    """
    features, labels = job.train_features(), job.data.train.labels
    heads = cached_heads(len(labels))

    def untrained(number: int) -> list[TransferModel]:
        return [job.new_model(number * heads + i) for i in range(heads)]

    def epochs(models: list[TransferModel]) -> list[TransferModel]:
        for model in models:
            model.fit_features(features, labels, batch_size=job.workload.batch_size)
        return models

    measured = timed(Stage(epochs, untrained, heads * len(labels)))
    _judge(benchmark, job, bounds, measured, "cached")


def _judge(
    benchmark: BenchmarkFixture,
    job: Job,
    bounds: Bounds,
    measured: Measured[list[TransferModel]],
    track: Track,
) -> None:
    """Judge every model that was trained; the row shows the one of the workload's own seed."""
    labels, features = job.data.test.labels, job.test_features()
    judged = [
        evaluation(model.head.predict(features), labels)
        for models in measured.outputs
        for model in models
    ]
    for each in judged:
        check_accuracy(each.accuracy, bounds)
    fill_row(
        benchmark,
        job,
        measured,
        stage="train",
        track=track,
        accuracy=judged[0].accuracy,
        correct=judged[0].predictions == labels,
        bounds=bounds,
    )
