"""The whole job: raw uint8 images to test accuracy, one epoch with recomputed features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tl_core.transfer import Evaluation, TransferModel
from tlbench.suite.checks import check_accuracy, warm_up_split
from tlbench.suite.row_fields import fill_row
from tlbench.timing.rounds import Stage

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from tl_core.data import Split
    from tlbench.suite.conftest import Timed
    from tlbench.suite.floors import Bounds
    from tlbench.suite.job import Job


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
