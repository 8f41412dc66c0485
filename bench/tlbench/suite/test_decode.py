"""Decoding: picture files to uint8 pixels, read and decoded on all CPUs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from tl_core.streaming import decoded_batches
from tlbench.suite.checks import check_decoded
from tlbench.suite.costs import DECODE_FILES, DECODE_IMAGES
from tlbench.suite.picture_files import decoding_of
from tlbench.timing.rounds import Stage

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tlbench.suite.conftest import Record, TimeStage
    from tlbench.suite.loaded_workload import LoadedWorkload
    from tlbench.suite.picture_files import PictureFiles


@pytest.mark.stage("decode")
def test_decode(
    workload: LoadedWorkload, picture_files: PictureFiles, time_stage: TimeStage, record: Record
) -> None:
    """As extraction reads them, checked against Pillow, timed on other files each round."""
    size, source = workload.extractor.image_size, picture_files.source("train", DECODE_FILES)
    images = min(DECODE_IMAGES, len(source))

    def chunk(number: int) -> NDArray[np.int64]:
        return (np.arange(images) + number * images) % len(source)

    def decode(order: NDArray[np.int64]) -> list[tuple[int, ...]]:
        batches = decoded_batches(source, order, size, batch_size=workload.batch_size)
        return [image.shape for _, batch in batches for image in batch]

    check_decoded(source, size)
    measurement = time_stage(Stage(decode, chunk, images))
    for shapes in measurement.outputs:
        assert len(shapes) == images
        assert {len(shape) for shape in shapes} == {3}
    record(measurement, decoding=decoding_of(source))
