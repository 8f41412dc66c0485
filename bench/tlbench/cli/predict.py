"""``tlbench predict``."""

from __future__ import annotations

import csv as csv_files
import io
from typing import TYPE_CHECKING

import click

from tl_core.errors import TransferLearningError
from tlbench.cli.options import file_option, json_option, number_option, own_images, suite_options
from tlbench.errors import InputError
from tlbench.escapes import harmless
from tlbench.numbers import COUNTS
from tlbench.runs.files import check_target, write_file
from tlbench.suite.extra import check_installed
from tlbench.terminal import say, show, show_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tlbench.suite.prediction import Answer
    from tlbench.suite.workloads import Workload

#: Columns of the CSV file; the table has those without the rank.
FIELDS = ("file", "rank", "label", "probability")


@click.command(epilog="Example: tlbench predict my-model new-photos/ --csv answers.csv")
@click.argument("model", type=click.Path(), metavar="MODEL")
@click.argument("pictures", nargs=-1, required=True, type=click.Path(), metavar="PICTURES...")
@number_option("--top", "labels per picture", COUNTS, default=1)
@file_option("--csv", "CSV file to write")
@json_option
@suite_options("trust", "engine", "device", "threads", "batch_size", "limit")
def predict(
    *,
    model: str,
    pictures: tuple[str, ...],
    top: int,
    csv: Path | None,
    suite: dict[str, str],
    as_json: bool,
) -> None:
    """Classify pictures with a model that tlbench train saved.

    MODEL is the folder that tlbench train --save wrote. PICTURES are files, patterns such as
    '*.jpg', or folders, which are searched for pictures.

    Exit code 0: all classified; 1: some can't be read (named on stderr), the others are classified;
    2: bad input, such as a missing model or no pictures.
    """
    check_installed("tlbench predict")
    if csv is not None:
        check_target(csv)
    try:
        answers, problems = _answers(model, pictures, top, own_images(suite))
    except TransferLearningError as error:
        raise InputError(str(error)) from error
    records = [each.record for each in answers]
    if as_json:
        show_json(records)
    else:
        show(_table(answers))
    if csv is not None:
        write_file(csv, _as_csv(answers))
    problems += [each.error for each in answers if each.error]
    say(*problems)
    if problems:
        raise SystemExit(1)


def _answers(
    model: str, pictures: Sequence[str], top: int, options: Workload
) -> tuple[list[Answer], list[str]]:
    """Each picture's labels, and the problems of arguments that name no picture."""
    from tl_core.models.pins import pinned_folder
    from tl_core.serving import saved_class_names
    from tlbench.suite import prediction

    folder = pinned_folder(model)
    if saved_class_names(folder) is None:  # before pictures are looked for in vain
        hint = f"; for a pretrained classifier use tlbench classify --model {model}"
        what = (
            "not a model that tlbench train saved" + hint if folder.exists() else "no such folder"
        )
        raise InputError(f"{model}: {what}; expected the folder of tlbench train --save")
    files, problems = prediction.listed(pictures)
    if not files:
        raise InputError("; ".join(problems))
    trained = prediction.opened(folder, options, len(files))
    return prediction.answers(trained, files, top=top, batch_size=options.batch_size), problems


def _rows(answers: Sequence[Answer]) -> Iterator[tuple[str, int, str, float]]:
    """A row per label, by ``FIELDS``; none for a file that can't be read."""
    for answer in answers:
        for rank, each in enumerate(answer.predictions, start=1):
            yield answer.file, rank, each.label, each.probability


def _table(answers: Sequence[Answer]) -> list[str]:
    from tlbench.report.table import lines_of

    rows = (
        (file if rank == 1 else "", label, f"{probability:.4f}")
        for file, rank, label, probability in _rows(answers)
    )
    return lines_of([name for name in FIELDS if name != "rank"], rows, right={2})


def _as_csv(answers: Sequence[Answer]) -> str:
    text = io.StringIO()
    writer = csv_files.writer(text, lineterminator="\n")
    writer.writerow(FIELDS)
    writer.writerows([harmless(value) for value in row] for row in _rows(answers))
    return text.getvalue()
