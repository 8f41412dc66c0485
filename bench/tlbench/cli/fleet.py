"""``tlbench fleet``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from tl_core.cluster import connected, nodes
from tl_core.errors import ClusterError
from tlbench.cli.command_line import NOTHING, Failure, Interrupted, count
from tlbench.cli.options import json_option, number_option, pytest_command, results_option
from tlbench.errors import InputError
from tlbench.fleet.gathering import NodeRuns, gather, node_runs
from tlbench.fleet.tasks import Order, Tasks
from tlbench.fleet.verdicts import fleet_report
from tlbench.numbers import RUNS, SECONDS
from tlbench.report.fleet_text import COLOURS, as_lines, as_record
from tlbench.runs.files import check_folder
from tlbench.terminal import say, show, show_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tlbench.fleet.verdicts import FleetReport

#: Options of the suite that may name a file or folder.
_PATHS = ("--model", "--data")


@click.command(epilog="Example: tlbench fleet --ray 10.0.0.1:6379 --runs 3 --engine openvino")
@click.option(
    "--ray", required=True, metavar="ADDRESS", help="Ray cluster: HOST:PORT, auto, or local"
)
@number_option("--runs", "number of runs on each node", RUNS, default=1, name="repeat")
@number_option("--timeout", "time limit of each run", SECONDS, default=3600.0, metavar="SECONDS")
@results_option("folder for result files")
@json_option
@pytest_command("--benchmark", suite_only=True)
def fleet(
    *,
    command: tuple[str, ...],
    ray: str,
    repeat: int,
    timeout: float,
    results: Path,
    as_json: bool,
) -> None:
    """Run the suite on all nodes of a cluster; name slower ones.

    The cluster is one of Ray. All nodes run at once, each one run at a time, with as many threads
    as the node's Ray has CPUs. Result files go to DIR/MACHINE/NODE/ as they come. Each node is
    compared with the median of the nodes with the same hardware. PYTEST ARGUMENTS are further ones
    of pytest --benchmark, such as -k extract.

    Exit code 0: all nodes measured, none slower; 1: a node is slower or failed; 2: bad input;
    4: nothing measured.
    """
    check_folder(results)
    gathered: list[NodeRuns] = []
    try:
        _gather(ray, Order(_absolute(command), repeat, timeout), results, gathered)
    except ClusterError as error:
        raise InputError(str(error)) from error
    except KeyboardInterrupt:
        files = sum(len(each.runs) for each in gathered)
        raise Interrupted(f"interrupted: {count(files, 'result file')} in {results}/") from None
    report = fleet_report(gathered)
    if as_json:
        show_json(as_record(report))
    else:
        show(_lines(report, gathered, results), COLOURS)
    if not report.files:
        raise Failure("nothing was measured on any node", NOTHING)
    if report.slower or report.failed:
        raise SystemExit(1)


def _gather(ray: str, order: Order, results: Path, gathered: list[NodeRuns]) -> None:
    """Run the order on the cluster at an address; nodes are added as soon as they are known.

    Raises:
        ClusterError: No cluster, or one without nodes that run tasks.
    """
    with connected(ray) as module:
        living = nodes(module)
        if not living:
            raise ClusterError(f"cluster {ray}: no node has CPUs for tasks; start one: ray start")
        with Tasks(module, living, order) as messages:
            gathered += node_runs(living)
            gather(messages, gathered, order.runs, results, say)


def _absolute(command: Sequence[str]) -> tuple[str, ...]:
    """The command with absolute paths of model and data: nodes run it in other folders."""
    parts = []
    for part in command:
        flag, _, value = part.partition("=")
        is_path = flag in _PATHS and Path(value).expanduser().exists()
        parts.append(f"{flag}={Path(value).expanduser().resolve()}" if is_path else part)
    return tuple(parts)


def _lines(report: FleetReport, gathered: Sequence[NodeRuns], results: Path) -> list[str]:
    table = as_lines(report)
    summary = [
        count(len(gathered), "node"),
        f"{len(report.slower)} slower",
        f"{len(report.failed)} failed",
        f"{count(report.files, 'result file')} in {results}/",
    ]
    return [*table, *[""] * bool(table), ", ".join(summary)]
