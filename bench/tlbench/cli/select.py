"""``tlbench select``."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from tlbench.cli.command_line import NOTHING, Failure
from tlbench.cli.options import (
    NumberType,
    complete,
    file_option,
    json_option,
    number_option,
    own_images,
    suite_options,
)
from tlbench.errors import InputError
from tlbench.numbers import PIXELS, SECONDS, SEEDS, Numbers
from tlbench.report.selection_picture import FORMS, write_selection
from tlbench.report.selection_text import selection_json, selection_lines
from tlbench.runs.files import check_target
from tlbench.suite.extra import check_installed
from tlbench.terminal import say, show

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

#: Exit code if the budget ended before every candidate was tried; a gate has the same.
INCONCLUSIVE = 3
#: Whoever gives all accuracy up needs no search.
MARGINS = Numbers(0.0, 0.999)


def _several(
    flag: str,
    metavar: str,
    about: str,
    kind: Any = str,  # noqa: ANN401 - as click has it
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """An option that may be repeated, named like the suite's."""
    name = flag.removeprefix("--").replace("-", "_")
    return click.option(
        flag,
        name + "s",
        multiple=True,
        type=kind,
        metavar=metavar,
        help=f"{about}; repeatable",
        shell_complete=complete(name),
    )


@click.command(epilog="Example: tlbench select my-photos/ --budget 600 --picture choice.svg")
@click.argument("pictures", metavar="PICTURES", shell_complete=complete("data"))
@number_option("--budget", "seconds that the search may take", SECONDS, default=600)
@number_option(
    "--accuracy-margin", "accuracy that may be given up for speed", MARGINS, default=0.005,
    metavar="SHARE",
)  # fmt: skip
@_several("--model", "HANDLE", "backbone to try (default: the embedded ones)")
@_several(
    "--image-size",
    "PIXELS",
    "input side to try (default: the backbone's own and smaller)",
    NumberType(PIXELS),
)
@_several("--engine", "NAME", "engine to try (default: all that are installed)")
@_several("--precision", "NAME", "precision to try (default: all that engines have)")
@number_option("--seed", "random seed of split and sample", SEEDS, default=0)
@click.option("--download", is_flag=True, help="allow the data set to be downloaded")
@file_option("--picture", "picture to write, .svg or .png: accuracy against throughput")
@json_option
@suite_options(
    *("input_range", "layer", "trust", "device", "threads", "batch_size", "train_size", "limit")
)
def select(
    *,
    pictures: str,
    budget: float,
    accuracy_margin: float,
    models: tuple[str, ...],
    image_sizes: tuple[int, ...],
    engines: tuple[str, ...],
    precisions: tuple[str, ...],
    seed: int,
    download: bool,
    picture: Path | None,
    suite: dict[str, str],
    as_json: bool,
) -> None:
    """Find the best backbone, image size, engine and precision for PICTURES.

    PICTURES is photo-patches, digits, cifar10, or a folder of class/image files, with or without
    train/ and test/; test images are not used. The best candidate is the fastest one on this
    machine that is shown to lose at most --accuracy-margin against the most accurate one.

    Exit code 0: found; 2: bad input; 3: the budget ended before every candidate was tried; 4:
    nothing could be measured.
    """
    check_installed("tlbench select")
    from tlbench.suite.select.job import SelectJob, run, train_command

    _check_picture(picture)
    workload = dataclasses.replace(own_images(suite), data=pictures)
    job = SelectJob(
        workload, budget, accuracy_margin, models, image_sizes, engines, precisions, seed, download
    )
    selection = run(job, say)
    command = train_command(job, selection, suite)
    if as_json:
        show(selection_json(selection, command).splitlines())
    else:
        show(selection_lines(selection, command))
    if picture is not None:
        write_selection(selection, picture)
    if selection.best is None:
        raise Failure("nothing could be measured", NOTHING)
    if selection.untried:
        raise SystemExit(INCONCLUSIVE)


def _check_picture(path: Path | None) -> None:
    """Find out before the search whether the picture can be written."""
    if path is None:
        return
    if path.suffix[1:].lower() not in FORMS:
        raise InputError(f"--picture {path}: expected a name that ends in .svg or .png")
    check_target(path)
