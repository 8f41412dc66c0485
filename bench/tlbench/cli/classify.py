"""``tlbench classify``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import click

from tl_core.errors import TransferLearningError
from tlbench.cli.options import NETWORK, json_option, number_option, own_images, suite_options
from tlbench.errors import InputError
from tlbench.numbers import COUNTS
from tlbench.suite.extra import check_installed
from tlbench.suite.quiet import import_tensorflow
from tlbench.terminal import say, show, show_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tl_core.classifier import Prediction
    from tlbench.suite.prediction import Answer
    from tlbench.suite.workloads import Workload

#: Characters of a probability bar.
BAR = 20
#: Classes that an error lists.
SHOWN = 3


@click.command(epilog="Example: tlbench classify photo.jpg --top 3")
@click.argument("images", nargs=-1, type=click.Path(), metavar="[IMAGE]...")
@number_option("--top", "labels per image", COUNTS, default=5)
@click.option(
    "--labels", type=click.File(), metavar="FILE", help="file with one class name per line"
)
@json_option
@suite_options(*NETWORK, "image_size", "batch_size", "limit")
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

    Exit code 0: all classified; 1: some can't be read (named on stderr), the others are classified;
    2: bad input.
    """
    check_installed("tlbench classify")
    names = [line.strip() for line in labels if line.strip()] if labels else None
    try:
        answers = _answers(images, top, names, own_images(suite))
    except TransferLearningError as error:
        raise InputError(str(error)) from error
    if as_json:
        show_json([each.record for each in answers])
    errors = [each.error for each in answers if each.error]
    for each in answers:
        if not as_json and not each.error:
            show([each.file, *map(_line, each.predictions)])
    say(*errors)
    if errors:
        raise SystemExit(1)


def _answers(
    images: Sequence[str], top: int, labels: Sequence[str] | None, options: Workload
) -> list[Answer]:
    """Files, each with its most probable labels; InputError where none can be read."""
    from tl_core.photographs import portrait

    paths = list(images) or [str(portrait())]
    for path in paths:  # before a model is loaded in vain
        if not Path(path).is_file():
            raise InputError(f"{path}: no such file; expected an image")
    _check_pretrained(options.model, images)
    import_tensorflow(options.device)
    from tl_core.classifier import ImageClassifier
    from tl_core.sources import TolerantFiles
    from tlbench.suite.prediction import answers_of

    classifier = ImageClassifier(
        options.model,
        labels=labels,
        image_size=options.image_size,
        **options.network,
        **options.reading,
    )
    source = TolerantFiles(tuple(map(Path, paths)))
    rows = classifier.classify(source, top=top, batch_size=options.batch_size)
    answers = answers_of(source, rows)
    if all(each.error for each in answers):
        raise InputError(str(answers[0].error))
    return answers


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
