"""Classification: photographs in files to ImageNet labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tl_core.classifier import ImageClassifier
from tl_core.engines.finding import classifier_of
from tl_core.photographs import PORTRAIT_LABEL, photographs, portrait
from tlbench.suite.costs import PHOTOGRAPHS
from tlbench.suite.samples import of_photographs
from tlbench.timing.rounds import Stage

if TYPE_CHECKING:
    from pathlib import Path

    from tl_core.classifier import Prediction
    from tlbench.suite.conftest import Record, TimeStage
    from tlbench.suite.loaded_workload import LoadedWorkload


@pytest.mark.stage("classify")
def test_classify(workload: LoadedWorkload, time_stage: TimeStage, record: Record) -> None:
    """Decoding, resizing and classifying; the portrait must get its label in every round."""
    handle = classifier_of(workload.extractor.opened.model)
    if handle is None:
        pytest.skip(
            "no classifier is known for this model; put its 'classification' form beside its "
            "'feature_vector' form, with the rest of the name the same"
        )
    classifier = ImageClassifier(
        handle,
        # --image-size is for the data set; photographs are classified at the model's own.
        fallback_size=workload.options.image_size,
        **workload.network,
    )
    files = [portrait(), *photographs().values()]

    def from_another_on(number: int) -> list[Path]:
        return [files[(number + i) % len(files)] for i in range(PHOTOGRAPHS)]

    def classify(paths: list[Path]) -> list[tuple[Path, list[Prediction]]]:
        answers = classifier.classify(paths, batch_size=workload.batch_size)
        return list(zip(paths, answers, strict=True))

    measurement = time_stage(Stage(classify, from_another_on, PHOTOGRAPHS))
    for answers in measurement.outputs:
        named = [[each.label for each in top] for path, top in answers if path == portrait()]
        assert named, "no round may leave the portrait out"
        assert {labels[0] for labels in named} == {PORTRAIT_LABEL}, f"the portrait was {named}"
    samples = of_photographs(measurement.outputs[0])
    record(measurement, opened=classifier.opened, samples=samples)
