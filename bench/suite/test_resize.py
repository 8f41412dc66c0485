"""Resizing: uint8 images at their own size to uint8 images at the network's, one thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.measure.rounds import measure
from bench.records.row import fill_row
from bench.suite.checks import check_pixels
from tl_core.resize import resize_batch

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from bench.job import Job


@pytest.mark.stage("resize")
def test_resize(benchmark: BenchmarkFixture, job: Job) -> None:
    """Pillow's Lanczos, checked against Pillow, timed on other images each round."""
    source = job.data.train.images
    images = min(job.workload.resize_images, len(source))
    size = job.extractor.image_size

    def chunk(number: int) -> list[np.ndarray]:
        return source.take((np.arange(images) + number * images) % len(source))

    check_pixels(chunk(0), resize_batch(chunk(0), size))
    measured = measure(
        benchmark, lambda batch: resize_batch(batch, size).shape, chunk, rounds=job.workload.rounds
    )
    assert set(measured.outputs) == {(images, size, size, 3)}
    fill_row(benchmark, job, measured, stage="resize", images=images)
