"""Classification: photographs in files to ImageNet labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from bench.measure.rounds import measure
from bench.records.row import fill_row
from tl_core.classifier import ImageClassifier
from tl_core.models.forms import classifier_handle
from tl_core.photographs import PORTRAIT_LABEL, photographs, portrait

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_benchmark.fixture import BenchmarkFixture

    from bench.job import Job
    from tl_core.classifier import Prediction


@pytest.mark.stage("classify")
def test_classify(benchmark: BenchmarkFixture, job: Job) -> None:
    """Decoding, resizing and classifying; the portrait must be named in every round."""
    handle = classifier_handle(job.workload.model)
    if handle is None:
        pytest.skip(f"no classifier is known that belongs to {job.workload.model}")
    classifier = ImageClassifier(
        handle,
        engine=job.workload.engine,
        # --image-size is for the data set; photographs are classified at the model's own.
        fallback_size=job.workload.image_size,
        device=job.workload.device,
        threads=job.threads,
    )
    size = classifier.network.image_size
    files = [portrait(), *photographs().values()]

    def rotated(number: int) -> list[Path]:
        turn = number % len(files)
        return files[turn:] + files[:turn]

    def classify(paths: list[Path]) -> dict[Path, list[Prediction]]:
        answers = classifier.classify(paths, batch_size=job.workload.batch_size)
        return dict(zip(paths, answers, strict=True))

    measured = measure(benchmark, classify, rotated, rounds=job.workload.rounds)
    for answers in measured.outputs:
        labels = [prediction.label for prediction in answers[portrait()]]
        assert labels[0] == PORTRAIT_LABEL, f"the portrait was called {labels}"
    fill_row(benchmark, job, measured, stage="classify", images=len(files), image_size=size)
