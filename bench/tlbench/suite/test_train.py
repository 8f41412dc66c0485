"""Training the head for one epoch, with features recomputed or cached: two tracks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tl_core.transfer import TransferModel, evaluation
from tlbench.suite.checks import check_accuracy, warm_up_split
from tlbench.suite.costs import cached_heads
from tlbench.timing.rounds import Stage

if TYPE_CHECKING:
    from tl_core.data import Split
    from tl_core.transfer import Evaluation
    from tlbench.suite.conftest import Record, TimeStage
    from tlbench.suite.floors import Bounds
    from tlbench.suite.loaded_workload import LoadedWorkload
    from tlbench.timing.rounds import Measurement


@pytest.mark.stage("train", track="recompute")
def test_train_recompute(
    workload: LoadedWorkload, time_stage: TimeStage, record: Record, bounds: Bounds
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
    measurement = time_stage(stage)
    record(measurement, evaluation=_checked(workload, bounds, measurement), bounds=bounds)


@pytest.mark.stage("train", track="cached")
def test_train_cached(
    workload: LoadedWorkload, time_stage: TimeStage, record: Record, bounds: Bounds
) -> None:
    """One epoch on features that were extracted before; extraction is not in this time.

    On a GPU they are in its memory before the clock starts.

    On few images a round trains several heads, one after the other: an epoch of 30 ms is
    shorter than what else goes on in a machine.
    """
    features = workload.extractor.to_device(workload.train_features())
    labels = workload.data.train.labels
    heads = cached_heads(len(labels))

    def untrained(number: int) -> list[TransferModel]:
        return [workload.new_model(number * heads + i) for i in range(heads)]

    def epochs(models: list[TransferModel]) -> list[TransferModel]:
        for model in models:
            model.fit_features(features, labels, batch_size=workload.batch_size)
        return models

    measurement = time_stage(Stage(epochs, untrained, heads * len(labels)))
    record(measurement, evaluation=_checked(workload, bounds, measurement), bounds=bounds)


def _checked(
    workload: LoadedWorkload, bounds: Bounds, measurement: Measurement[list[TransferModel]]
) -> Evaluation:
    """Check every model that was trained; the result of the one of the workload's own seed."""
    features, labels = workload.test_features(), workload.data.test.labels
    models = [model for models in measurement.outputs for model in models]
    results = [evaluation(model.head.predict(features), labels) for model in models]
    for result in results:
        check_accuracy(result.accuracy, bounds)
    return results[0]
