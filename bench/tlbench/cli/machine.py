"""``tlbench machine``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click
from rich.table import Table

from tlbench.cli.command_line import Failure
from tlbench.cli.options import json_option
from tlbench.machine.fact_format import facts_lines
from tlbench.machine.fingerprint import fingerprint
from tlbench.machine.gpu_probes import gpu_probes_json
from tlbench.machine.naming import machine_name
from tlbench.machine.probes import ProbeError, peak, probes_json, run_probes
from tlbench.machine.state import momentary_state
from tlbench.report.text import plain, rendered
from tlbench.terminal import say, show, show_json

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tlbench.machine.gpu_probes import GpuProbe
    from tlbench.machine.probes import Probe


@click.command(epilog="Example: tlbench machine --json --no-probes")
@json_option
@click.option("--no-probes", is_flag=True, help="skip the speed probes, which take seconds")
def machine(*, as_json: bool, no_probes: bool) -> None:
    """Describe this machine and measure its peak speeds.

    Exit code 0: described; 1: a speed probe failed; 2: bad options.
    """
    facts, state = fingerprint(), momentary_state()
    if not as_json:
        show([f"name: {machine_name(facts)}", ""])
        _show(facts_table("fingerprint", facts))
        _show(facts_table("now", state))
    try:
        probes = [] if no_probes else run_probes()
    except ProbeError as error:
        raise Failure(str(error), 1) from error
    if not as_json and probes:
        _show(probe_table(probes))
        show(peak_lines(probes))
    of_gpus = () if no_probes else _probes_of_gpus(len(facts["gpus"] or ()))
    if as_json:
        whole = {
            "fingerprint": facts,
            "state": state,
            "probes": probes_json(probes),
            "gpu_probes": gpu_probes_json(of_gpus),
        }
        show_json(whole)
    elif of_gpus:
        show([""])
        _show(gpu_table(of_gpus))


def _probes_of_gpus(count: int) -> tuple[GpuProbe, ...]:
    """All probes of GPUs; where they can't be used, why, on stderr."""
    if not count:
        return ()
    from tlbench.suite.gpu_peaks import probe_gpus

    try:
        return probe_gpus(count)
    except ProbeError as error:
        say(f"GPUs were not measured: {error}")
        return ()


def facts_table(title: str, facts: Mapping[str, Any]) -> Table:
    """Names and values of facts."""
    table = _table(title, "")
    for line in facts_lines(facts):
        table.add_row(*map(plain, line))
    return table


def probe_table(probes: Sequence[Probe]) -> Table:
    """A row for each probe."""
    table = _table("probe", "by", "threads", "best", "median", "", "n", "CPUs busy")
    for column in table.columns[2:]:
        column.justify, column.no_wrap = "right", True
    for probe in probes:
        figures = (f"{probe.best:,.1f}", f"{probe.median:,.1f}", probe.unit, str(probe.n))
        busy = f"{probe.cpus_busy:.1f}"
        table.add_row(probe.kind, probe.by, str(probe.threads), *figures, busy)
    return table


def gpu_table(probes: Sequence[GpuProbe]) -> Table:
    """A row for each probe of a GPU."""
    table = _table("GPU", "probe", "precision", "best", "median", "", "n", "throttled")
    for column in table.columns[3:7]:
        column.justify, column.no_wrap = "right", True
    for probe in probes:
        figures = (f"{probe.best:,.0f}", f"{probe.median:,.0f}", probe.unit, str(probe.n))
        throttled = "unknown" if probe.throttled is None else "; ".join(probe.throttled) or "no"
        table.add_row(probe.device, probe.kind, probe.precision or "-", *figures, throttled)
    return table


def peak_lines(probes: Sequence[Probe]) -> list[str]:
    """The fastest matrix multiply per number of threads: the peak that other figures refer to."""
    peaks = (peak(probes, count) for count in dict.fromkeys(probe.threads for probe in probes))
    return [
        f"peak with {best.threads} thread{'s' * (best.threads > 1)}: "
        f"{best.best:,.1f} {best.unit} by {best.by}"
        + (f"; too low: it got only {best.cpus_busy:.1f} CPUs" if best.disturbed else "")
        for best in peaks
        if best is not None
    ]


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="")
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def _show(table: Table) -> None:
    show([*rendered(table), ""])
