"""``tlbench train``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tl_core.errors import TransferLearningError, line_of
from tlbench.cli.options import (
    NETWORK,
    complete,
    file_option,
    json_option,
    number_option,
    own_images,
    suite_options,
)
from tlbench.errors import InputError
from tlbench.numbers import EPOCHS, SEEDS, SHARES, Numbers
from tlbench.runs.files import check_folder, check_target, write_file
from tlbench.suite.extra import check_installed
from tlbench.suite.library_log import library_messages
from tlbench.terminal import say, show, show_json

if TYPE_CHECKING:
    from tl_core.transfer import Track
    from tlbench.suite.training import Training, TrainingJob

MORE_EPOCHS = Numbers(0, EPOCHS.most)


@click.command(epilog="Example: tlbench train my-photos/ --report page.html --save my-model")
@click.argument("data", metavar="DATA", shell_complete=complete("data"))
@number_option("--epochs", "passes over the training images (default: until it converges)", EPOCHS)
@number_option("--fine-tune", "further epochs with the extractor unfrozen", MORE_EPOCHS, default=0)
@number_option("--seed", "random seed of head, shuffling and split", SEEDS, default=0)
@click.option(
    "--track",
    type=click.Choice(["recompute", "cached"]),
    default="cached",
    show_default=True,
    help="extract features in every epoch, or once",
)
@click.option(
    "--save", type=click.Path(path_type=Path), metavar="DIR", help="folder for the SavedModel"
)
@file_option("--report", "HTML page to write: confusion matrix, classes, wrong predictions")
@number_option(
    "--min-accuracy", "exit with 1 if test accuracy is below this", SHARES, metavar="SHARE"
)
@click.option("--download", is_flag=True, help="allow the data set to be downloaded")
@click.option(
    "--cache/--no-cache", default=True, show_default=True, help="read and store cached features"
)
@json_option
@suite_options(*NETWORK, "image_size", "batch_size", "train_size", "test_size", "limit")
def train(
    *,
    data: str,
    epochs: int | None,
    fine_tune: int,
    seed: int,
    track: Track,
    save: Path | None,
    report: Path | None,
    min_accuracy: float | None,
    suite: dict[str, str],
    download: bool,
    cache: bool,
    as_json: bool,
) -> None:
    """Train a classifier on DATA and report its test accuracy.

    DATA is photo-patches, digits, cifar10, or a folder of class/image files, with or without
    train/ and test/.

    By default, a fifth of the training images is held out to find the number of epochs after which
    their loss no longer falls. The head is then trained for this number of epochs on all training
    images. Test images are never used to choose anything.

    Exit code 0: trained; 1: accuracy below --min-accuracy; 2: bad input.
    """
    check_installed("tlbench train")
    from tlbench.suite import training as suite_training
    from tlbench.suite.training_record import lines

    options = dataclasses.replace(own_images(suite), data=data)
    job = suite_training.TrainingJob(options, epochs, fine_tune, seed, track, download, cache)
    _check_targets(save, report)
    try:
        with library_messages(say):
            training = suite_training.train(job, say)
            record, problems = _written(job, training, save, report)
    except TransferLearningError as error:
        raise InputError(str(error)) from error
    if as_json:
        show_json(record)
    else:
        show(lines(training, record))
    if problems:
        raise InputError("; ".join(problems))
    if min_accuracy is not None and record["accuracy"] < min_accuracy:
        say(f"accuracy {record['accuracy']:.4f} is below {min_accuracy}")
        raise SystemExit(1)


def _written(
    job: TrainingJob, training: Training, save: Path | None, page: Path | None
) -> tuple[dict[str, Any], list[str]]:
    """Write model and page, and return the result for JSON, and the problems of writing.

    The model is written first. If either can't be written, the result is still returned, because
    the training may have taken hours.
    """
    from tlbench.suite.training_record import page_text, record

    result, problems = record(job, training), []
    if save is not None:
        try:
            training.model.save(save)
            result["saved"] = str(save)
        except Exception as error:  # noqa: BLE001 - any: the result is printed all the same
            problems.append(f"the model can't be saved in {save}: {line_of(error, 500)}")
    if page is not None:
        try:
            write_file(page, page_text(job, training))
            result["report"] = str(page)
        except Exception as error:  # noqa: BLE001 - as above
            saved = f"; the model is saved in {save}" if result["saved"] else ""
            problems.append(f"the page {page} can't be written: {line_of(error, 500)}{saved}")
    return result, problems


def _check_targets(folder: Path | None, page: Path | None) -> None:
    """Find out before training whether the model and the page can be written."""
    if page is not None:
        check_target(page)
    if folder is not None:
        if not _is_text(folder):
            raise InputError(f"--save {folder}: TensorFlow needs a path in UTF-8; name another one")
        check_folder(folder)
        if any(folder.iterdir()):
            raise InputError(f"--save {folder}: exists already and isn't empty; name a new folder")


def _is_text(path: Path) -> bool:
    """Whether a path has no bytes that aren't UTF-8."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return False
    return True
