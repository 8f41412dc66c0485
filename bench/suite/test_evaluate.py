"""Evaluation: top-1 accuracy of a trained model on raw uint8 test images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.measure.rounds import Stage
from bench.records.row import fill_row
from bench.records.samples import of_test
from bench.suite.checks import check_accuracy, warm_up_split

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from bench.floors import Bounds
    from bench.job import Job
    from bench.suite.conftest import Timed
    from tl_core.data import Split
    from tl_core.transfer import Evaluation


@pytest.mark.stage("evaluate")
def test_evaluate(benchmark: BenchmarkFixture, timed: Timed, job: Job, bounds: Bounds) -> None:
    """The reported accuracy is the share of test labels that the predictions hit."""
    model, test, batch_size = job.new_model(), job.data.test, job.workload.batch_size
    model.fit_features(job.train_features(), job.data.train.labels, batch_size=batch_size)

    def evaluate(split: Split) -> Evaluation:
        return model.evaluate(split.images, split.labels, batch_size=batch_size)

    stage = Stage(
        evaluate,
        lambda _: test,
        len(test),
        warm_up=lambda _: warm_up_split(job, test),
        most_warm_ups=1,
    )
    measured = timed(stage)
    for result in measured.outputs:
        assert result.accuracy == np.mean(result.predictions == test.labels)
        check_accuracy(result.accuracy, bounds)
    first = measured.outputs[0]
    fill_row(
        benchmark,
        job,
        measured,
        stage="evaluate",
        accuracy=first.accuracy,
        correct=first.predictions == test.labels,
        bounds=bounds,
        samples=of_test(job.workload.data, job.data, first),
    )
