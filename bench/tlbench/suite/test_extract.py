"""Feature extraction: raw uint8 images through resizing and the frozen network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tlbench.suite.checks import check_features
from tlbench.suite.scaling import scaling
from tlbench.timing.rounds import Stage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tlbench.suite.conftest import Record, TimeStage
    from tlbench.suite.loaded_workload import LoadedWorkload
    from tlbench.suite.session import Suite


@pytest.mark.stage("extract")
def test_extract(
    workload: LoadedWorkload, time_stage: TimeStage, record: Record, tlbench_suite: Suite
) -> None:
    """Each round extracts another fifth of the training images; the features are stored."""

    def extract(number: int) -> tuple[int, NDArray[np.float32]]:
        features = workload.extractor.extract(workload.part(number), batch_size=workload.batch_size)
        return number, features

    check_features(workload)
    measurement = time_stage(Stage(extract, lambda number: number, workload.part_size))
    for number, features in measurement.outputs:
        assert np.isfinite(features).all()
        workload.store_part(number, features)
    record(measurement, scaling=None if tlbench_suite.takes_turns else scaling(workload))
