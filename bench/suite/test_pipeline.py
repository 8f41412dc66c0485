"""The whole job: raw uint8 images to test accuracy, one epoch with recomputed features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.measure.rounds import measure
from bench.records.row import fill_row
from bench.suite.checks import check_accuracy
from tl_core.transfer import Evaluation, TransferModel

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from bench.floors import Bounds
    from bench.job import Job


@pytest.mark.stage("pipeline", track="recompute")
def test_pipeline(benchmark: BenchmarkFixture, job: Job, bounds: Bounds) -> None:
    """What the tutorial does, head and optimizer made within the time."""
    workload, train, test = job.workload, job.data.train, job.data.test

    def run(_: None) -> Evaluation:
        model = TransferModel(job.extractor, job.data.class_names, seed=workload.seed)
        model.fit(train.images, train.labels, batch_size=workload.batch_size)
        return model.evaluate(test.images, test.labels, batch_size=workload.batch_size)

    job.forget_features()
    measured = measure(benchmark, run, lambda _: None, rounds=1, warmup_rounds=0)
    accuracy = measured.outputs[0].accuracy
    check_accuracy(accuracy, bounds)
    fill_row(
        benchmark,
        job,
        measured,
        stage="pipeline",
        track="recompute",
        images=len(train) + len(test),
        accuracy=accuracy,
        bounds=bounds,
    )
