"""Time to accuracy: from raw images in memory to a model that is good enough, all counted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tlbench.suite.checks import check_accuracy
from tlbench.suite.floors import Bounds
from tlbench.suite.further_targets import further_targets
from tlbench.suite.recipes import TABLE, follow, recipe_for
from tlbench.timing.rounds import Stage

if TYPE_CHECKING:
    from tl_core.engines import Opened
    from tl_core.transfer import Evaluation
    from tlbench.suite.conftest import Record, TimeStage
    from tlbench.suite.loaded_workload import LoadedWorkload
    from tlbench.suite.session import Suite


@pytest.mark.stage("time_to_accuracy", track="cached")
def test_time_to_accuracy(
    workload: LoadedWorkload, time_stage: TimeStage, record: Record, tlbench_suite: Suite
) -> None:
    """The model is loaded, images are resized and extracted, a head is solved and tested.

    Open in how: the recipe has its own backbone, image size, number of training images and head.
    What is fixed is the target, on all test images.
    """
    recipe = recipe_for(workload.data)
    if recipe is None:
        pytest.skip(f"{TABLE} has no recipe for this data set at this size")

    def run(seed: int) -> tuple[Evaluation, Opened]:
        return follow(recipe, workload.data, seed, workload.network)

    workload.forget_features()
    images = recipe.train_size + recipe.test_size
    measurement = time_stage(Stage(run, workload.seed, images, most_warm_ups=1))
    bounds = Bounds(recipe.target, 1.0, f"the target in {TABLE}")
    for result, _ in measurement.outputs:
        check_accuracy(result.accuracy, bounds)
    first, opened = measurement.outputs[0]
    further = None
    if not tlbench_suite.takes_turns:
        further = further_targets(recipe, workload.data, workload.seed(0), workload.network)
    record(
        measurement, evaluation=first, bounds=bounds,
        recipe=recipe, opened=opened, further_targets=further,
    )  # fmt: skip
