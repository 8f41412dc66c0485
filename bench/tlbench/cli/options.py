"""Options that several commands have, with the same names and meanings."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from tlbench.suite.options import OPTIONS, check_names, known_values, workload_from
from tlbench.suite.workloads import QUICK, WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tlbench.suite.options import Option
    from tlbench.suite.workloads import Workload

    Complete = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]
    Decorator = Callable[[Callable[..., None]], Callable[..., None]]

#: Options that say how the network is run.
NETWORK = ("model", "engine", "precision", "device", "threads", "workers", "chunk")
#: What a value may also be: a folder, or a file.
_PATHS = {"data": "dir", "model": "file"}


def suite_options(*names: str) -> Decorator:
    """The suite's options of these names, checked as pytest does.

    The command gets those that the user set as ``suite``, texts by name.

    Args:
        names: Of the options; none means all.
    """
    chosen = [option for option in OPTIONS if option.name in names or not names]

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def with_suite(**values: Any) -> None:  # noqa: ANN401 - click's values
            texts = {option.name: values.pop(option.name) for option in chosen}
            command(
                suite={name: text for name, text in texts.items() if text is not None}, **values
            )

        decorated: Callable[..., None] = with_suite
        for option in reversed(chosen):
            decorated = _with_option(decorated, option)
        return decorated

    return decorate


def _with_option(command: Callable[..., None], option: Option) -> Callable[..., None]:
    def checked(ctx: click.Context, parameter: click.Parameter, text: str | None) -> str | None:
        del ctx, parameter
        if text is not None:
            option.parse(text)
        return text

    return click.option(
        option.flag,
        option.name,
        metavar=option.metavar,
        help=option.help,
        callback=checked,
        shell_complete=complete(option.name),
    )(command)


def own_images(suite: Mapping[str, str]) -> Workload:
    """The quick workload for other images than its own: sizes are as set, else not limited.

    Raises:
        OptionError: An engine or a device that isn't known.
    """
    workload = workload_from(QUICK.name, dict(suite))
    check_names(workload)
    sizes = ("image_size", "train_size", "test_size")
    unlimited: dict[str, Any] = {name: None for name in sizes if name not in suite}
    return dataclasses.replace(workload, **unlimited)


def as_arguments(suite: Mapping[str, str]) -> tuple[str, ...]:
    """What ``suite_options`` passes, as arguments of pytest."""
    return tuple(
        f"{option.flag}={suite[option.name]}" for option in OPTIONS if option.name in suite
    )


def complete(name: str) -> Complete:
    """How values of one of the suite's options are completed, where any are known.

    Args:
        name: The option's, with underscores.
    """

    def items(
        ctx: click.Context, parameter: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        del ctx, parameter
        known = [each for each in known_values(name) if each.startswith(incomplete)]
        if known or name not in _PATHS:
            return [CompletionItem(each) for each in known]
        return [CompletionItem(incomplete, type=_PATHS[name])]

    return items


def file_option(flag: str, about: str) -> Decorator:
    """An option that names a file to be written."""
    path = click.Path(dir_okay=False, path_type=Path)
    return click.option(flag, type=path, metavar="FILE", help=about)


def number_option(
    flag: str, about: str, *, least: int = 1, default: int | None = None, name: str | None = None
) -> Decorator:
    """An option that takes a whole number, passed as ``name`` where it differs from the flag's."""
    return click.option(
        *filter(None, (flag, name)),
        type=click.IntRange(least),
        default=default,
        show_default=default is not None,
        metavar="N",
        help=about,
    )


#: The same in every command that has them.
json_option = click.option("--json", "as_json", is_flag=True, help="print JSON")
pytest_arguments = click.argument("arguments", nargs=-1, metavar="[-- PYTEST ARGUMENTS]")
runs_argument = click.argument("names", nargs=-1, metavar="[RUN]...")
output_option = click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    required=True,
    metavar="FILE",
    help="file to write",
)
workload_option = click.option(
    "--workload",
    type=click.Choice(list(WORKLOADS)),
    default=None,
    show_default=QUICK.name,
    help="workload of the built-in suite",
)
results_option = click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default=True,
    metavar="DIR",
    help="results folder: used when no RUN is given, searched for machine names",
)
engine_filter = click.option(
    "--engine",
    "engines",
    multiple=True,
    metavar="NAME",
    help="only runs of this engine; repeatable",
)
threads_filter = click.option(
    "--threads",
    "thread_counts",
    multiple=True,
    type=int,
    metavar="N",
    help="only runs with this number of threads; repeatable",
)
