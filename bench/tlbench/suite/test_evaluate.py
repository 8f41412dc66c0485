"""Evaluation: top-1 accuracy of a trained model on raw uint8 test images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tlbench.suite.checks import check_accuracy, warm_up_split
from tlbench.suite.samples import of_test
from tlbench.timing.rounds import Stage

if TYPE_CHECKING:
    from tl_core.data import Split
    from tl_core.transfer import Evaluation
    from tlbench.suite.conftest import Record, TimeStage
    from tlbench.suite.floors import Bounds
    from tlbench.suite.loaded_workload import LoadedWorkload


@pytest.mark.stage("evaluate")
def test_evaluate(
    workload: LoadedWorkload, time_stage: TimeStage, record: Record, bounds: Bounds
) -> None:
    """The reported accuracy is the share of test labels that the predictions hit."""
    model, test, batch_size = workload.new_model(), workload.data.test, workload.batch_size
    model.fit_features(workload.train_features(), workload.data.train.labels, batch_size=batch_size)

    def evaluate(split: Split) -> Evaluation:
        return model.evaluate(split.images, split.labels, batch_size=batch_size)

    measurement = time_stage(
        Stage(
            evaluate,
            lambda _: test,
            len(test),
            warm_up=lambda _: warm_up_split(workload, test),
            most_warm_ups=1,
        )
    )
    for result in measurement.outputs:
        assert result.accuracy == np.mean(result.predictions == test.labels)
        check_accuracy(result.accuracy, bounds)
    first = measurement.outputs[0]
    samples = of_test(workload.options.data, workload.data, first)
    record(measurement, evaluation=first, bounds=bounds, samples=samples)
