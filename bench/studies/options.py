"""The suite's options for a study's own command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tlbench.suite.options import OPTIONS, workload_from
from tlbench.suite.workloads import WORKLOADS, Workload

if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace


def add_options(parser: ArgumentParser, workload: str) -> None:
    """Add the suite's options.

    Args:
        parser: Gets them.
        workload: The name of the default workload.
    """
    parser.add_argument("--workload", choices=list(WORKLOADS), default=workload)
    for option in OPTIONS:
        parser.add_argument(option.flag, metavar=option.metavar, help=option.help)


def chosen_workload(arguments: Namespace) -> Workload:
    """What the options of ``add_options`` ask for.

    Raises:
        OptionError: As for ``workload_from``.
    """
    values = {option.name: getattr(arguments, option.name) for option in OPTIONS}
    return workload_from(arguments.workload, {key: text for key, text in values.items() if text})
