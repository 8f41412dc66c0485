"""The suite's options for a study's own command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tlbench.suite.options import OPTIONS, workload_from
from tlbench.suite.workloads import WORKLOADS, Workload

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Mapping


def add_options(parser: ArgumentParser, workload: str) -> None:
    """Add the suite's options.

    Args:
        parser: Gets them.
        workload: The name of the default workload.
    """
    parser.add_argument("--workload", choices=list(WORKLOADS), default=workload)
    for option in OPTIONS:
        parser.add_argument(option.flag, metavar=option.metavar, help=option.help)


def chosen_options(arguments: Namespace) -> dict[str, str]:
    """The workload's name and the options that were given, as text by name."""
    values = {option.name: getattr(arguments, option.name) for option in OPTIONS}
    return {"workload": arguments.workload, **{k: text for k, text in values.items() if text}}


def as_workload(chosen: Mapping[str, str], **others: str) -> Workload:
    """The workload of ``chosen_options``, with others in place of some.

    Raises:
        OptionError: As for ``workload_from``.
    """
    options = {**chosen, **others}
    return workload_from(options.pop("workload"), options)
