"""The whole job: raw uint8 images to test accuracy, one epoch with recomputed features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.measure.rounds import Stage
from bench.records.row import fill_row
from bench.suite.checks import check_accuracy, warm_up_split
from tl_core.transfer import Evaluation, TransferModel

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from bench.floors import Bounds
    from bench.job import Job
    from bench.suite.conftest import Timed
    from tl_core.data import Split


@pytest.mark.stage("pipeline", track="recompute")
def test_pipeline(benchmark: BenchmarkFixture, timed: Timed, job: Job, bounds: Bounds) -> None:
    """What the tutorial does, head and optimizer made within the time."""
    workload, train, test = job.workload, job.data.train, job.data.test

    def run(given: tuple[int, Split, Split]) -> Evaluation:
        seed, learn, judge = given
        model = TransferModel(job.extractor, job.data.class_names, seed=seed)
        model.fit(learn.images, learn.labels, batch_size=workload.batch_size)
        return model.evaluate(judge.images, judge.labels, batch_size=workload.batch_size)

    def small(_: int) -> tuple[int, Split, Split]:
        return workload.seed, warm_up_split(job, train), warm_up_split(job, test)

    job.forget_features()
    stage = Stage(
        run,
        lambda number: (job.seed(number), train, test),
        len(train) + len(test),
        warm_up=small,
        most_warm_ups=1,
    )
    measured = timed(stage)
    for result in measured.outputs:
        check_accuracy(result.accuracy, bounds)
    fill_row(
        benchmark,
        job,
        measured,
        stage="pipeline",
        track="recompute",
        accuracy=measured.outputs[0].accuracy,
        correct=measured.outputs[0].predictions == test.labels,
        bounds=bounds,
    )
