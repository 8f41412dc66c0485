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
    from tlbench.suite.conftest import TimeStage
    from tlbench.suite.floors import Bounds
    from tlbench.suite.loaded_workload import LoadedWorkload
    from tlbench.timing.rounds import Measurement


@pytest.mark.stage("train", track="recompute")
def test_train_recompute(
    benchmark: BenchmarkFixture, time_stage: TimeStage, workload: LoadedWorkload, bounds: Bounds
) -> None:
    """One epoch from raw uint8 images: every image is resized and extracted again."""
    train, batch_size = workload.data.train, workload.batch_size

    def epoch(job: tuple[TransferModel, Split]) -> list[TransferModel]:
        model, split = job
        model.fit(split.images, split.labels, batch_size=batch_size)
        return [model]

    stage = Stage(
        epoch,
        lambda number: (workload.new_model(number), train),
        len(train),
        warm_up=lambda number: (workload.new_model(number), warm_up_split(workload, train)),
        most_warm_ups=1,
    )
    _check_and_fill(benchmark, workload, bounds, time_stage(stage), "recompute")


@pytest.mark.stage("train", track="cached")
def test_train_cached(
    benchmark: BenchmarkFixture, time_stage: TimeStage, workload: LoadedWorkload, bounds: Bounds
) -> None:
    """One epoch on features that were extracted before; extraction is not in this time.

    On few images a round trains several heads, one after the other: an epoch of 30 ms is
    shorter than what else goes on in a machine.
    """
    features, labels = workload.train_features(), workload.data.train.labels
    heads = cached_heads(len(labels))

    def untrained(number: int) -> list[TransferModel]:
        return [workload.new_model(number * heads + i) for i in range(heads)]

    def epochs(models: list[TransferModel]) -> list[TransferModel]:
        for model in models:
            model.fit_features(features, labels, batch_size=workload.batch_size)
        return models

    measurement = time_stage(Stage(epochs, untrained, heads * len(labels)))
    _check_and_fill(benchmark, workload, bounds, measurement, "cached")


def _check_and_fill(
    benchmark: BenchmarkFixture,
    workload: LoadedWorkload,
    bounds: Bounds,
    measurement: Measurement[list[TransferModel]],
    track: Track,
) -> None:
    """Evaluate every model that was trained; the row has the one of the workload's own seed."""
    labels, features = workload.data.test.labels, workload.test_features()
    evaluations = [
        evaluation(model.head.predict(features), labels)
        for models in measurement.outputs
        for model in models
    ]
    for each in evaluations:
        check_accuracy(each.accuracy, bounds)
    fill_row(
        benchmark,
        workload,
        measurement,
        stage="train",
        track=track,
        accuracy=evaluations[0].accuracy,
        correct=evaluations[0].predictions == labels,
        bounds=bounds,
    )
