"""Evaluation: top-1 accuracy of a trained model on raw uint8 test images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.measure.rounds import measure
from bench.records.row import fill_row
from bench.suite.checks import check_accuracy

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from bench.floors import Bounds
    from bench.job import Job


@pytest.mark.stage("evaluate")
def test_evaluate(benchmark: BenchmarkFixture, job: Job, bounds: Bounds) -> None:
    """The reported accuracy is the share of test labels that the predictions hit."""
    model = job.new_model()
    model.fit_features(
        job.train_features(), job.data.train.labels, batch_size=job.workload.batch_size
    )
    test = job.data.test
    measured = measure(
        benchmark,
        lambda _: model.evaluate(test.images, test.labels, batch_size=job.workload.batch_size),
        lambda _: None,
        rounds=1,
        warmup_rounds=0,
    )
    for result in measured.outputs:
        assert result.accuracy == np.mean(result.predictions == test.labels)
        check_accuracy(result.accuracy, bounds)
    accuracy = min(result.accuracy for result in measured.outputs)
    fill_row(
        benchmark,
        job,
        measured,
        stage="evaluate",
        images=len(test),
        accuracy=accuracy,
        bounds=bounds,
    )
