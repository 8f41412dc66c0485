"""The ``tlbench`` command. TensorFlow is imported only by commands that run a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from tlbench.cli import results as cli_results
from tlbench.cli.command_line import SHELLS, CommandLine, completing, completion_script
from tlbench.cli.options import (
    NETWORK,
    file_option,
    json_option,
    shared_options,
    workload_option,
)
from tlbench.suite.options import OPTIONS
from tlbench.suite.workloads import QUICK


@click.group("tlbench", cls=CommandLine, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tlbench")
def main() -> None:
    """Transfer learning on TensorFlow Hub image models: classify, train, measure.

    The benchmark itself is `pytest --benchmark`.
    """


@main.command(epilog="Example: tlbench classify photo.jpg --top 3")
@click.argument("images", nargs=-1, type=click.Path(), metavar="[IMAGE]...")
@click.option(
    "--top",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    metavar="N",
    help="labels an image",
)
@click.option("--labels", type=click.File(), metavar="FILE", help="file with one class name a line")
@json_option
@shared_options(*NETWORK, "image_size", "batch_size")
def classify(**arguments: Any) -> None:  # noqa: ANN401 - click's values
    """Name what pictures show; without one, the embedded photograph."""
    from tlbench.cli.classify import run

    run(**arguments)


@main.command(
    epilog="Example: tlbench train my-photos/ --epochs 3 --report page.html --save my-model"
)
@click.argument("data", metavar="DATA", shell_complete=completing("data"))
@click.option(
    "--epochs",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="passes over the training images",
)
@click.option(
    "--fine-tune",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="then N epochs with the extractor unfrozen",
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    metavar="N",
    help="of the head's start, the shuffling and the split",
)
@click.option(
    "--track",
    type=click.Choice(["recompute", "cached"]),
    default="cached",
    show_default=True,
    help="extract features in every epoch, or once",
)
@click.option("--save", type=click.Path(), metavar="DIR", help="write a SavedModel there")
@click.option(
    "--report",
    "page",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="write a page there: which classes are taken for which, and the images that were missed",
)
@click.option(
    "--min-accuracy",
    type=click.FloatRange(0, 1),
    metavar="SHARE",
    help="exit with 1 where the test accuracy is below",
)
@click.option("--download", is_flag=True, help="allow the data set to be downloaded")
@click.option(
    "--cache/--no-cache",
    default=True,
    show_default=True,
    help="keep features on disk, and read those that are there",
)
@json_option
@shared_options(*NETWORK, "image_size", "batch_size", "train_size", "test_size")
def train(**arguments: Any) -> None:  # noqa: ANN401 - click's values
    """Train a head on DATA and report its test accuracy.

    DATA is photo-patches, digits, cifar10, or a folder of class/image files, with or without
    train/ and test/.
    """
    from tlbench.cli.train import run

    run(**arguments)


@main.command(epilog="Example: tlbench machine --json --no-probes")
@json_option
@click.option("--no-probes", is_flag=True, help="skip what takes seconds: the speed probes")
def machine(**arguments: Any) -> None:  # noqa: ANN401 - click's values
    """Describe this machine, and measure what it can do at most."""
    from tlbench.cli.machine import run

    run(**arguments)


@main.command(epilog="Example: tlbench baseline -o baseline.json -- bench_sort.py")
@click.argument("arguments", nargs=-1, metavar="[-- PYTEST ARGUMENTS]")
@click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="where the baseline is written",
)
@click.option(
    "--runs",
    type=click.IntRange(1),
    default=5,
    show_default=True,
    metavar="N",
    help="how many",
)
@click.option("--add", is_flag=True, help="append to FILE's runs")
@json_option
@workload_option
@shared_options(*(option.name for option in OPTIONS))
def baseline(**arguments: Any) -> None:  # noqa: ANN401 - click's values
    """Measure a suite several times, for pytest --gate FILE to judge later runs by.

    Without pytest's arguments it is tlbench's own suite, each benchmark in a process of its own.
    Runs one after the other differ less than days do: add some on other days with --add, or a
    slow day will look like a slow program.

    Exits with 0: written, 1: tests failed, 4: nothing measured or not comparable.
    """
    from tlbench.cli.baseline import run

    del arguments["options"]
    run(**arguments)


@main.command(
    epilog="Example: tlbench gate --base ref=main --head ref=HEAD -- bench_sort.py",
)
@click.argument("arguments", nargs=-1, metavar="[-- PYTEST ARGUMENTS]")
@click.option("--base", default="", metavar="ARM", help="what is compared with")
@click.option("--head", default="", metavar="ARM", help="what is judged")
@workload_option
@click.option(
    "--tolerance",
    multiple=True,
    metavar="[NAME=]SHARE",
    help="slowdown that is allowed, such as 5% or test_sort=10%  [default: 5%]",
)
@click.option(
    "--accuracy-tolerance",
    metavar="SHARE",
    help="points of accuracy that may be lost  [default: 1%]",
)
@click.option(
    "--budget",
    type=click.FloatRange(0, min_open=True),
    default=600.0,
    show_default=True,
    metavar="SECONDS",
    help="what all process pairs may take",
)
@click.option(
    "--aa",
    "repeat",
    type=click.IntRange(1),
    metavar="N",
    help="gate the head against itself N times, and count false alarms",
)
@click.option("--resume", is_flag=True, help="go on with an interrupted gate's pairs")
@click.option("--seed", type=click.IntRange(0), metavar="N", help="of the coins")
@file_option("--markdown", "write a summary there")
@file_option("--junit", "write JUnit XML there")
@file_option("--save", "write every raw pair there")
@json_option
@shared_options(*(option.name for option in OPTIONS))
def gate(**arguments: Any) -> None:  # noqa: ANN401 - click's values
    """Say whether one arm is slower than another: pass, fail or inconclusive.

    An ARM is key=value, several joined by commas: ref=main, python=/path/to/python,
    pip=numpy==2.1.0, env.NAME=value, engine=litert or another option of the suite. Without one it
    is the working tree as it is. Two processes at a time take turns round by round, pair after
    pair, until every benchmark is decided or the budget is spent.

    Exits with 0: pass, 1: fail, 3: inconclusive, 4: nothing measured or not comparable.
    """
    from tlbench.cli.gate import Outputs, run, settings_of

    taken = {key: arguments[key] for key in ("given", "tolerance", "accuracy_tolerance")}
    taken["workload"] = arguments["workload"] or QUICK.name
    settings = settings_of(arguments["arguments"], budget=arguments["budget"], **taken)
    written = {key: arguments[key] for key in ("markdown", "junit", "save", "as_json")}
    kept = {key: arguments[key] for key in ("base", "head", "repeat", "resume", "seed")}
    run(settings=settings, outputs=Outputs(**written), **kept)


@main.command(epilog='Example: eval "$(tlbench completion bash)", in ~/.bashrc')
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    """Print the script that makes SHELL complete commands, options and names.

    bash, zsh: eval "$(tlbench completion bash)" in ~/.bashrc, or zsh in ~/.zshrc. fish: tlbench
    completion fish > ~/.config/fish/completions/tlbench.fish
    """
    click.echo(completion_script(main, shell))


for command in (cli_results.check, cli_results.compare, cli_results.history, cli_results.report):
    main.add_command(command)
