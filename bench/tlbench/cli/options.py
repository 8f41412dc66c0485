"""Options that several commands have, with the same names and meanings."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from tlbench.cli.command_line import completing
from tlbench.suite.options import OPTIONS, workload_from
from tlbench.suite.workloads import QUICK, WORKLOADS

if TYPE_CHECKING:
    from collections.abc import Callable

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
            return command(options=workload_from(QUICK.name, set_ones), given=set_ones, **given)

        for option in reversed(chosen):
            wrapper = click.option(
                option.flag,
                option.name,
                metavar=option.metavar,
                help=option.help,
                shell_complete=completing(option.name),
            )(wrapper)
        return wrapper

    return decorate


#: The same in every command.
json_option = click.option("--json", "as_json", is_flag=True, help="print JSON")
workload_option = click.option(
    "--workload",
    type=click.Choice(list(WORKLOADS)),
    help=f"of tlbench's own suite  [default: {QUICK.name}]",
)


def file_option(flag: str, about: str) -> Callable[[Any], Any]:
    """An option that names a file to be written."""
    return click.option(
        flag, type=click.Path(dir_okay=False, path_type=Path), metavar="FILE", help=about
    )


#: Of commands that read result files.
results_option = click.option(
    "--results",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("results"),
    show_default=True,
    metavar="DIR",
    help="what is meant without a RUN, and where machines are looked for by name",
)


def choosing_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that choose among runs, passed as ``engines`` and ``thread_counts``."""
    for flag, name, kind, metavar, which in (
        ("--threads", "thread_counts", int, "N", "with so many threads"),
        ("--engine", "engines", str, "NAME", "of this engine"),
    ):
        about = f"only runs {which}; may be given several times"
        option = click.option(flag, name, multiple=True, type=kind, metavar=metavar, help=about)
        command = option(command)
    return command
