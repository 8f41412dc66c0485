"""Feature extraction: raw uint8 images through resizing and the frozen network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from bench.measure.rounds import measure
from bench.records.row import fill_row
from bench.suite.checks import check_features

if TYPE_CHECKING:
    from pytest_benchmark.fixture import BenchmarkFixture

    from bench.job import Job
    from tl_core.sources import ImageSource


@pytest.mark.stage("extract")
def test_extract(benchmark: BenchmarkFixture, job: Job) -> None:
    """Each round extracts another part of the training set; the warm-up extracts the test set."""
    train, count = job.data.train.images, job.workload.rounds
    images = max(1, len(train) // count)

    def part(number: int) -> ImageSource:
        if number == 0:
            return job.data.test.images
        return train.pick((np.arange(images) + (number - 1) * images) % len(train))

    check_features(job)
    kept: list[np.ndarray] = []

    def extract(source: ImageSource) -> np.ndarray:
        kept.append(job.extractor.extract(source, batch_size=job.workload.batch_size))
        return kept[-1]

    measured = measure(benchmark, extract, part, rounds=count)
    assert all(np.isfinite(features).all() for features in measured.outputs)
    if len(kept) == count + 1 and count * images <= len(train):
        job.keep_features(kept[0], tuple(kept[1:]))
    fill_row(benchmark, job, measured, stage="extract", images=images)
