"""``tlbench classify``."""

from __future__ import annotations

import shlex
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from tl_core.errors import TransferLearningError
from tlbench.cli.options import NETWORK, json_option, number_option, own_images, suite_options
from tlbench.errors import InputError
from tlbench.suite.extra import check_installed
from tlbench.suite.quiet import import_tensorflow
from tlbench.terminal import show, show_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tl_core.classifier import Prediction
    from tlbench.suite.workloads import Workload

#: Characters of a probability bar.
BAR = 20
#: Classes that an error lists.
SHOWN = 3


@click.command(epilog="Example: tlbench classify photo.jpg --top 3")
@click.argument("images", nargs=-1, type=click.Path(), metavar="[IMAGE]...")
@number_option("--top", "labels per image", default=5)
@click.option(
    "--labels", type=click.File(), metavar="FILE", help="file with one class name per line"
)
@json_option
@suite_options(*NETWORK, "image_size", "batch_size")
def classify(
    *,
    images: tuple[str, ...],
    top: int,
    labels: TextIO | None,
    suite: dict[str, str],
    as_json: bool,
) -> None:
    """Classify images with a pretrained model.

    Without IMAGE it classifies an embedded photograph.

    Exit code 0: classified; 2: bad input.
    """
    check_installed("tlbench classify")
    names = [line.strip() for line in labels if line.strip()] if labels else None
    try:
        answers = _answers(images, top, names, own_images(suite))
    except TransferLearningError as error:
        raise InputError(str(error)) from error
    if as_json:
        rows = [
            {"image": path, "predictions": [asdict(prediction) for prediction in row]}
            for path, row in answers
        ]
        show_json(rows)
        return
    for path, row in answers:
        show([path, *map(_line, row)])


def _answers(
    images: Sequence[str], top: int, labels: Sequence[str] | None, options: Workload
) -> list[tuple[str, list[Prediction]]]:
    """Files, each with its most probable labels."""
    from tl_core.photographs import portrait

    paths = list(images) or [str(portrait())]
    for path in paths:  # before a model is loaded in vain
        if not Path(path).is_file():
            raise InputError(f"{path}: no such file; expected an image")
    _check_pretrained(options.model, images)
    import_tensorflow(options.device)
    from tl_core.classifier import ImageClassifier

    classifier = ImageClassifier(
        options.model,
        labels=labels,
        image_size=options.image_size,
        **options.network,
        **options.reading,
    )
    rows = classifier.classify(paths, top=top, batch_size=options.batch_size)
    return list(zip(paths, rows, strict=True))


def _check_pretrained(model: str, images: Sequence[str]) -> None:
    """Raise InputError for a model that ``tlbench train`` saved; it names the right command."""
    from tl_core.serving import saved_class_names

    names = saved_class_names(Path(model).expanduser())
    if names:
        files = shlex.join(images) or "PICTURES"
        raise InputError(
            f"{model}: a model that tlbench train saved, with classes of its own ("
            f"{', '.join(names[:SHOWN])}{', ...' * (len(names) > SHOWN)}); expected a pretrained "
            f"classifier. Use tlbench predict {shlex.quote(model)} {files}"
        )


def _line(prediction: Prediction) -> str:
    bar = "█" * round(prediction.probability * BAR)
    return f"  {prediction.probability:6.1%} {bar:<{BAR}} {prediction.label}"
