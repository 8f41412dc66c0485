"""The whole job: raw uint8 images to test accuracy, one epoch with recomputed features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tl_core.transfer import Evaluation, TransferModel
from tlbench.suite.checks import check_accuracy, warm_up_split
from tlbench.timing.rounds import Stage

if TYPE_CHECKING:
    from tl_core.data import Split
    from tlbench.suite.conftest import Record, TimeStage
    from tlbench.suite.floors import Bounds
    from tlbench.suite.loaded_workload import LoadedWorkload


@pytest.mark.stage("pipeline", track="recompute")
def test_pipeline(
    workload: LoadedWorkload, time_stage: TimeStage, record: Record, bounds: Bounds
) -> None:
    """What the tutorial does; head and optimizer are new, and count."""
    data, batch_size = workload.data, workload.batch_size

    def run(job: tuple[int, Split, Split]) -> Evaluation:
        seed, train, test = job
        model = TransferModel(workload.extractor, data.class_names, seed=seed)
        model.fit(train.images, train.labels, batch_size=batch_size)
        return model.evaluate(test.images, test.labels, batch_size=batch_size)

    def small(_: int) -> tuple[int, Split, Split]:
        splits = warm_up_split(workload, data.train), warm_up_split(workload, data.test)
        return workload.seed(0), *splits

    workload.forget_features()
    stage = Stage(
        run,
        lambda number: (workload.seed(number), data.train, data.test),
        sum(data.sizes),
        warm_up=small,
        most_warm_ups=1,
    )
    measurement = time_stage(stage)
    for result in measurement.outputs:
        check_accuracy(result.accuracy, bounds)
    record(measurement, evaluation=measurement.outputs[0], bounds=bounds)
