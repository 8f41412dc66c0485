"""Resizing: uint8 images at their own size to uint8 images at the network's, one thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tl_core.resize import resize_batch
from tlbench.suite.checks import check_pixels
from tlbench.suite.costs import RESIZE_IMAGES
from tlbench.timing.rounds import Stage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tlbench.suite.conftest import Record, TimeStage
    from tlbench.suite.loaded_workload import LoadedWorkload


@pytest.mark.stage("resize")
def test_resize(workload: LoadedWorkload, time_stage: TimeStage, record: Record) -> None:
    """Pillow's Lanczos, checked against Pillow, timed on other images each round."""
    source, size = workload.data.train.images, workload.extractor.image_size
    images = min(RESIZE_IMAGES, len(source))

    def chunk(number: int) -> list[NDArray[np.uint8]]:
        return source.take((np.arange(images) + number * images) % len(source))

    def resize(batch: list[NDArray[np.uint8]]) -> tuple[int, ...]:
        return resize_batch(batch, size).shape

    check_pixels(chunk(0), resize_batch(chunk(0), size))
    stage: Stage[Any, tuple[int, ...]] = Stage(resize, chunk, images)
    measurement = time_stage(stage)
    assert set(measurement.outputs) == {(images, size, size, 3)}
    record(measurement)
