"""The whole job: raw uint8 images, or JPEG files, to test accuracy; one epoch."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tl_core.sources import FileSource
from tl_core.transfer import Evaluation, TransferModel
from tlbench.suite.checks import check_accuracy, warm_up_split
from tlbench.timing.rounds import Stage

if TYPE_CHECKING:
    from tl_core.data import Split
    from tlbench.suite.conftest import Record, TimeStage
    from tlbench.suite.floors import Bounds
    from tlbench.suite.loaded_workload import LoadedWorkload
    from tlbench.suite.picture_files import PictureFiles

    Job = tuple[int, Split, Split]


@pytest.mark.stage("pipeline", track="recompute")
def test_pipeline(
    workload: LoadedWorkload, time_stage: TimeStage, record: Record, bounds: Bounds
) -> None:
    """What the tutorial does; features are recomputed; head and optimizer are new, and count."""
    stage = whole_job(workload, workload.data.train, workload.data.test)
    measurement = time_stage(stage)
    for result in measurement.outputs:
        check_accuracy(result.accuracy, bounds)
    record(measurement, evaluation=measurement.outputs[0], bounds=bounds)


@pytest.mark.stage("pipeline", track="files")
def test_pipeline_files(
    workload: LoadedWorkload,
    picture_files: PictureFiles,
    time_stage: TimeStage,
    record: Record,
    *,
    file_bounds: Bounds,
) -> None:
    """The same from JPEG files, which are read and decoded in each pass."""
    if isinstance(workload.data.train.images, FileSource):
        pytest.skip("the images are files: pipeline (recompute) reads and decodes them")
    stage = whole_job(workload, picture_files.split("train"), picture_files.split("test"))
    measurement = time_stage(stage)
    for result in measurement.outputs:
        check_accuracy(result.accuracy, file_bounds)
    record(measurement, evaluation=measurement.outputs[0], bounds=file_bounds)


def whole_job(workload: LoadedWorkload, train: Split, test: Split) -> Stage[Job, Evaluation]:
    """From images to a judged model, without loading the network; warmed up on a few batches."""
    batch_size = workload.batch_size

    def run(job: Job) -> Evaluation:
        seed, train, test = job
        model = TransferModel(workload.extractor, workload.data.class_names, seed=seed)
        model.fit(train.images, train.labels, batch_size=batch_size)
        return model.evaluate(test.images, test.labels, batch_size=batch_size)

    workload.forget_features()
    small = warm_up_split(workload, train), warm_up_split(workload, test)
    return Stage(
        run,
        lambda number: (workload.seed(number), train, test),
        len(train) + len(test),
        warm_up=lambda _: (workload.seed(0), *small),
        most_warm_ups=1,
    )
