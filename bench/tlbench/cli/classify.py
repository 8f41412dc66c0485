"""``tlbench classify``."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from tl_core.errors import ImageError
from tl_core.photographs import portrait
from tlbench.suite.options import check_names
from tlbench.suite.quiet import import_tensorflow

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tl_core.classifier import Prediction
    from tlbench.suite.workloads import Workload

#: Characters of a probability bar.
BAR = 20


def run(
    *,
    images: tuple[str, ...],
    top: int,
    labels: TextIO | None,
    as_json: bool,
    options: Workload,
    given: dict[str, str],
) -> None:
    """Classify pictures and print their most probable labels.

    Args:
        images: Files; none means the embedded photograph.
        top: Labels an image.
        labels: File with one class name a line, or None for ImageNet's.
        as_json: Print JSON in place of text.
        options: Model, engine, device and sizes.
        given: Which of these the user set.
    """
    check_names(options)
    paths = list(images) or [str(portrait())]
    for path in paths:  # before a model is loaded in vain
        if not Path(path).is_file():
            raise ImageError(f"{path}: no such file; expected a picture")
    import_tensorflow(options.device)
    from tl_core.classifier import ImageClassifier

    classifier = ImageClassifier(
        options.model,
        labels=[line.strip() for line in labels if line.strip()] if labels else None,
        # The quick workload's smaller images are for its patches, not for photographs.
        image_size=options.image_size if "image_size" in given else None,
        **options.network,
    )
    answers = classifier.classify(paths, top=top, batch_size=options.batch_size)
    if as_json:
        rows = [
            {"image": path, "predictions": [asdict(prediction) for prediction in row]}
            for path, row in zip(paths, answers, strict=True)
        ]
        click.echo(json.dumps(rows, indent=1))
        return
    for path, row in zip(paths, answers, strict=True):
        click.echo("\n".join([path, *lines(row)]))


def lines(predictions: Sequence[Prediction]) -> list[str]:
    """One line a prediction: probability, bar, label."""
    return [
        f"  {p.probability:6.1%} {'█' * round(p.probability * BAR):<{BAR}} {p.label}"
        for p in predictions
    ]
