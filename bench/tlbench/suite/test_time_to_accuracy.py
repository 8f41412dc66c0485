"""Time to accuracy: from raw images in memory to a model that is good enough, all counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tlbench.suite.checks import check_accuracy
from tlbench.suite.floors import Bounds
from tlbench.suite.recipes import TABLE, follow, recipe_for
from tlbench.suite.row_fields import fill_row
from tlbench.timing.rounds import Stage

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from tl_core.engines import Opened
    from tl_core.transfer import Evaluation
    from tlbench.suite.conftest import TimeStage
    from tlbench.suite.loaded_workload import LoadedWorkload


@pytest.mark.stage("time_to_accuracy", track="cached")
def test_time_to_accuracy(
    benchmark: BenchmarkFixture, time_stage: TimeStage, workload: LoadedWorkload
) -> None:
    """The model is loaded, images are resized and extracted, a head is solved and tested.

    Open in how: the recipe has its own backbone, image size, number of training images and head.
    What is fixed is the target, on all test images.
    """
    recipe = recipe_for(workload.data)
    if recipe is None:
        pytest.skip(f"{TABLE} has no recipe for this data set at this size")
    test = workload.data.test

    def run(seed: int) -> tuple[Evaluation, Opened]:
        return follow(recipe, workload.data, seed, workload.network)

    workload.forget_features()
    stage = Stage(run, workload.seed, recipe.train_size + len(test), most_warm_ups=1)
    measurement = time_stage(stage)
    bounds = Bounds(recipe.target, 1.0, f"the target in {TABLE}")
    for result, _ in measurement.outputs:
        check_accuracy(result.accuracy, bounds)
    first, opened = measurement.outputs[0]
    fill_row(
        benchmark,
        workload,
        measurement,
        stage="time_to_accuracy",
        recipe=recipe,
        opened=opened,
        track="cached",
        accuracy=first.accuracy,
        correct=first.predictions == test.labels,
        bounds=bounds,
    )
