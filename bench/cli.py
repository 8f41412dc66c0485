"""The ``tlbench`` command. TensorFlow is imported only by commands that run a model."""

from __future__ import annotations

import functools
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bench.compare.jobs import JOB as JOB_FACTS
from bench.options import OPTIONS, OptionError, workload_from
from bench.records.read import ResultError
from bench.workloads import QUICK, WORKLOADS
from tl_core.errors import TransferLearningError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Exit code of bad options and bad input, which scripts rely on.
USAGE = 2


class BadInput(click.ClickException):
    """Bad input: one line on stderr, exit code 2."""

    exit_code = USAGE


@contextmanager
def one_line_errors() -> Iterator[None]:
    """Bad input ends in one line, not in a traceback."""
    try:
        yield
    except (OptionError, TransferLearningError, ResultError) as error:
        raise BadInput(str(error)) from error
    except (OSError, UnicodeError) as error:
        raise BadInput(f"a file can't be read or written: {error}") from error


#: Options that say how the network is run.
NETWORK = ("model", "engine", "precision", "device", "threads", "workers", "chunk")


def shared_options(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """The suite's options of these names, parsed as pytest does and passed as ``options``."""
    chosen = [option for option in OPTIONS if option.name in names]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(command)
        def wrapper(**given: Any) -> Any:  # noqa: ANN401 - click's values
            texts = {option.name: given.pop(option.name) for option in chosen}
            set_ones = {name: text for name, text in texts.items() if text is not None}
            with one_line_errors():
                return command(options=workload_from(QUICK.name, set_ones), given=set_ones, **given)

        for option in reversed(chosen):
            wrapper = click.option(
                option.flag, option.name, metavar=option.metavar, help=option.help
            )(wrapper)
        return wrapper

    return decorate


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tlbench")
def main() -> None:
    """Transfer learning on TensorFlow Hub image models: classify, train, measure.

    The benchmark itself is `pytest --benchmark`.
    """


@main.command(epilog="Example: tlbench classify photo.jpg --top 3")
@click.argument("images", nargs=-1, metavar="[IMAGE]...")
@click.option("--top", default=5, show_default=True, help="labels an image")
@click.option("--labels", type=click.File(), help="file with one class name a line")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
@shared_options(*NETWORK, "image_size", "batch_size")
def classify(**arguments: Any) -> None:  # noqa: ANN401 - click's values
    """Name what pictures show; without one, the embedded photograph."""
    from bench.commands.classify import run

    run(**arguments)


@main.command(epilog="Example: tlbench train my-photos/ --epochs 3 --save my-model")
@click.argument("data", metavar="DATA")
@click.option("--epochs", type=click.IntRange(1), default=1, show_default=True)
@click.option(
    "--fine-tune",
    type=click.IntRange(0),
    default=0,
    metavar="N",
    help="then N epochs with the extractor unfrozen",
)
@click.option(
    "--seed",
    type=int,
    default=0,
    show_default=True,
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
@click.option("--json", "as_json", is_flag=True, help="print JSON")
@shared_options(*NETWORK, "image_size", "batch_size", "train_size", "test_size")
def train(**arguments: Any) -> None:  # noqa: ANN401 - click's values
    """Train a head on DATA and report its test accuracy.

    DATA is photo-patches, digits, cifar10, or a folder of class/image files, with or without
    train/ and test/.
    """
    from bench.commands.train import run

    run(**arguments)


@main.command(epilog="Example: tlbench machine --json --no-probes")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
@click.option("--no-probes", is_flag=True, help="skip what takes seconds: the speed probes")
def machine(**arguments: Any) -> None:  # noqa: ANN401 - click's values
    """Describe this machine, and measure what it can do at most."""
    from bench.commands.machine import run

    run(**arguments)


@main.command(epilog="Example: tlbench check results/")
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
def check(files: tuple[str, ...]) -> None:
    """Say what is wrong with result files; exit with 2 where anything is."""
    from bench.commands.check import run

    run(files)


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
@click.option("--runs", type=click.IntRange(1), default=5, show_default=True, help="how many")
@click.option("--add", is_flag=True, help="append to FILE's runs")
@click.option("--workload", type=click.Choice(list(WORKLOADS)), help="of tlbench's own suite")
@shared_options(*(option.name for option in OPTIONS))
def baseline(**arguments: Any) -> None:  # noqa: ANN401 - click's values
    """Measure a suite several times, for pytest --gate FILE to judge later runs by.

    Without pytest's arguments it is tlbench's own suite, each benchmark in a process of its own.
    Runs one after the other differ less than days do: add some on other days with --add, or a
    slow day will look like a slow program.

    Exits with 0: written, 1: tests failed, 4: nothing measured or not comparable.
    """
    from bench.commands.baseline import run

    del arguments["options"]
    run(**arguments)


@main.command(
    epilog="Example: tlbench gate --base ref=main --head ref=HEAD -- bench_sort.py",
)
@click.argument("arguments", nargs=-1, metavar="[-- PYTEST ARGUMENTS]")
@click.option("--base", default="", metavar="ARM", help="what is compared with")
@click.option("--head", default="", metavar="ARM", help="what is judged")
@click.option("--workload", default=QUICK.name, metavar="NAME", help="of tlbench's own suite")
@click.option(
    "--tolerance",
    multiple=True,
    metavar="[NAME=]SHARE",
    help="slowdown that is allowed, such as 5% or test_sort=10%  [default: 5%]",
)
@click.option(
    "--accuracy-tolerance", metavar="SHARE", help="points of accuracy that may be lost  [1%]"
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
@click.option("--markdown", type=click.Path(path_type=Path), help="write a summary there")
@click.option("--junit", type=click.Path(path_type=Path), help="write JUnit XML there")
@click.option("--save", type=click.Path(path_type=Path), help="write every raw pair there")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
@shared_options(*(option.name for option in OPTIONS))
def gate(**arguments: Any) -> None:  # noqa: ANN401 - click's values
    """Say whether one arm is slower than another: pass, fail or inconclusive.

    An ARM is key=value, several joined by commas: ref=main, python=/path/to/python,
    pip=numpy==2.1.0, env.NAME=value, engine=litert or another option of the suite. Without one it
    is the working tree as it is. Two processes at a time take turns round by round, pair after
    pair, until every benchmark is decided or the budget is spent.

    Exits with 0: pass, 1: fail, 3: inconclusive, 4: nothing measured or not comparable.
    """
    from bench.commands.gate import Outputs, run, settings_of

    taken = {
        key: arguments[key] for key in ("workload", "given", "tolerance", "accuracy_tolerance")
    }
    settings = settings_of(arguments["arguments"], budget=arguments["budget"], **taken)
    written = {key: arguments[key] for key in ("markdown", "junit", "save", "as_json")}
    kept = {key: arguments[key] for key in ("base", "head", "repeat", "resume", "seed")}
    run(settings=settings, outputs=Outputs(**written), **kept)


@main.command(epilog="Example: tlbench compare laptop.json server/ --markdown summary.md")
@click.argument("names", nargs=-1, required=True, metavar="RUN...")
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default=True,
    metavar="DIR",
    help="where machines are looked for by name",
)
@click.option(
    "--mix",
    "mixed",
    multiple=True,
    type=click.Choice(JOB_FACTS),
    help="put runs side by side that differ in this; may be given several times",
)
@click.option("--markdown", type=click.Path(path_type=Path), help="write a summary there")
@click.option("--csv", type=click.Path(path_type=Path), help="write all figures there")
@click.option("--json", "as_json_", is_flag=True, help="print JSON")
def compare(**arguments: Any) -> None:  # noqa: ANN401 - click's values
    """Set runs side by side: how many times as fast, and whether that is real.

    A RUN is a result file, a folder of them, or a machine's name. Runs of one job, machine and
    set-up become one entry; the first entry is what the others are compared with. What differs
    between them is said before any number. Runs of other jobs, data copies or precisions don't
    come into one table, unless --mix allows it.

    Exits with 0: compared, 2: bad input, 4: no two runs of the same job.
    """
    from bench.commands.compare import run

    with one_line_errors():
        run(**arguments)


@main.command(epilog="Example: tlbench history --benchmark extract")
@click.argument("names", nargs=-1, metavar="[RUN]...")
@click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default=True,
    metavar="DIR",
    help="what is shown without a RUN, and where machines are looked for by name",
)
@click.option(
    "--benchmark",
    "benchmarks",
    multiple=True,
    metavar="NAME",
    help="show this one only, such as 'train (cached)'; may be given several times",
)
@click.option("--json", "as_json_", is_flag=True, help="print JSON")
def history(**arguments: Any) -> None:  # noqa: ANN401 - click's values
    """Show results over time: where each benchmark became faster or slower, and at which commits.

    A RUN is a result file, a folder of them, or a machine's name. Runs of one job, machine and
    set-up are one history.

    Exits with 0: shown, 2: bad input, 4: no run to show.
    """
    from bench.commands.history import run

    with one_line_errors():
        run(**arguments)


if __name__ == "__main__":
    main()
