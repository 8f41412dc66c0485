"""``tlbench gate``."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
import numpy as np

from tlbench.cli.command_line import Interrupted, count
from tlbench.cli.gates import (
    accuracy_tolerance_option,
    budget_option,
    died,
    ready,
    seed_option,
    tolerance_option,
)
from tlbench.cli.options import (
    explain_option,
    file_option,
    json_option,
    number_option,
    pytest_command,
)
from tlbench.errors import InputError
from tlbench.gate.arm_process import ArmDied
from tlbench.machine.fingerprint import fingerprint
from tlbench.numbers import RUNS
from tlbench.report.gate_junit import gate_junit
from tlbench.report.gate_markdown import gate_markdown
from tlbench.report.gate_text import COLOURS, gate_json, gate_table
from tlbench.runs.files import check_target, keep, write_file
from tlbench.suite.workloads import QUICK
from tlbench.terminal import say, show, show_json

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tlbench.gate.pair_result import Pair
    from tlbench.gate.run import Gate, Settings
    from tlbench.gate.verdict import Report

    #: Adds what else is known to the report of a gate.
    Evidence = Callable[[Gate, Report], Report]

#: Version of what ``--save`` writes.
SAVED = 1


def _explanation() -> list[str]:
    from tlbench.report.gate_text import gate_explanation

    return gate_explanation()


@click.command(epilog="Example: tlbench gate --base ref=main --head ref=HEAD -- bench_sort.py")
@click.option("--base", default="", metavar="ARM", help="base: reference side")
@click.option("--head", default="", metavar="ARM", help="candidate: side under test")
@tolerance_option
@accuracy_tolerance_option
@budget_option("time limit for all process pairs")
@number_option(
    "--aa", "gate the candidate against itself N times; count false alarms", RUNS, name="repeat"
)
@click.option("--no-profile", is_flag=True, help="don't profile benchmarks that fail")
@click.option(
    "--count",
    "counted",
    type=click.Choice(["instructions"]),
    help="also count instructions per call, with valgrind",
)
@click.option("--resume", is_flag=True, help="resume an interrupted gate")
@seed_option
@click.option("--all", "everything", is_flag=True, help="show all benchmarks and reasons")
@explain_option("what verdicts and columns mean", _explanation)
@file_option("--markdown", "Markdown summary to write")
@file_option("--junit", "JUnit XML file to write")
@file_option("--save", "JSON file of every round to write")
@json_option
@pytest_command("--benchmark", workload=QUICK.name)
def gate(
    *,
    command: tuple[str, ...],
    base: str,
    head: str,
    tolerance: tuple[str, ...],
    accuracy_tolerance: str | None,
    budget: float,
    repeat: int | None,
    seed: int | None,
    no_profile: bool,
    counted: str | None,
    markdown: Path | None,
    junit: Path | None,
    save: Path | None,
    resume: bool,
    everything: bool,
    as_json: bool,
) -> None:
    """Decide whether a candidate is slower or less accurate than a base.

    An ARM is key=value, several joined by commas: ref=main, python=/path/to/python,
    pip=numpy==2.1.0, env.NAME=value, engine=litert or another option of the suite; "." is the
    working tree as it is. A pair is one process of each side, and both are measured together.
    Pairs are added until every benchmark is decided or the budget is spent. Without PYTEST
    ARGUMENTS the built-in suite is gated. To compare with stored runs instead, use tlbench
    baseline, then pytest --gate FILE.

    Exit code 0: pass; 1: fail; 2: bad input; 3: inconclusive; 4: nothing measured or not
    comparable. With --aa, 1: more false alarms than promised; else 0.
    """
    _check_sides(base or head or repeat)
    # Here and below: SciPy's statistics take long to import, and --help doesn't need them.
    from tlbench.gate.run import Settings
    from tlbench.gate.verdict import parse_tolerances

    settings = Settings(command, parse_tolerances(tolerance, accuracy_tolerance), budget)
    for path in filter(None, (markdown, junit, save)):
        check_target(path)
    evidence = _evidence(profile=not (no_profile or repeat), count=counted is not None)
    try:
        reports, problem = _run(
            (base, head), settings, save, repeat, evidence, resume=resume, seed=seed
        )
    except ArmDied as error:
        raise died(error) from error
    if repeat:
        code = _show_itself(reports, everything=everything, as_json=as_json)
    else:
        code = _show(reports[0], markdown, junit, everything=everything, as_json=as_json)
    if problem:  # after the report, which may have taken hours
        raise InputError(problem)
    raise SystemExit(code)


def _check_sides(named: object) -> None:
    """Refuse a gate of the working tree against itself, which is what no option would mean."""
    if not named:
        raise InputError(
            "a gate compares a candidate, by default the working tree, with a base; name the "
            "base, such as --base ref=main"
        )


def _evidence(*, profile: bool, count: bool) -> Sequence[Evidence]:
    """Functions that add to the report of a finished gate, in order.

    Raises:
        InputError: Instructions can't be counted here.
    """
    from tlbench.gate.instructions import check_countable, with_instructions
    from tlbench.gate.profile import with_profiles

    if count:
        check_countable()
    return [with_profiles] * profile + [with_instructions] * count


def _run(
    texts: tuple[str, str],
    settings: Settings,
    save: Path | None,
    repeat: int | None,
    evidence: Sequence[Evidence],
    *,
    resume: bool,
    seed: int | None,
) -> tuple[list[Report], str | None]:
    """Run the gate of two arms, as the user wrote them, ``repeat`` times or once.

    Returns the reports, and why they can't be saved, None if they are or needn't be.
    """
    turns = np.random.default_rng(seed)
    base, candidate = texts
    problem = None
    with ready((candidate if repeat else base, candidate), settings, say) as sides:
        gates: list[tuple[list[Pair], Report]] = []
        for number in range(1, (repeat or 1) + 1):
            if repeat:
                say(f"gate {number} of {repeat}: {sides.candidate.label} against itself")
            one = sides.gate(turns, say)
            report = _finished(one, resume=resume)
            for add in evidence:
                report = add(one, report)
            gates.append((one.pairs, report))
            problem = _save(save, sides.what, gates)
    return [report for _, report in gates], problem


def _finished(gate: Gate, *, resume: bool) -> Report:
    """A gate's report; an interruption says how to resume."""
    try:
        return gate.run(resume=resume)
    except KeyboardInterrupt:
        hint = "resume with --resume" if gate.pairs else "there is nothing to resume"
        if any(arm.identity["commit"] is None for arm in (gate.base, gate.candidate)):
            hint = "resuming needs a git repository, to know whether files changed"
        pairs = count(len(gate.pairs), "pair")
        raise Interrupted(f"interrupted after {pairs}; {hint}") from None


def _show(
    report: Report, markdown: Path | None, junit: Path | None, *, everything: bool, as_json: bool
) -> int:
    """Print the report, write its files, and return its exit code."""
    if as_json:
        show_json(gate_json(report))
    else:
        _print_table(report, everything=everything)
    for path, text in ((markdown, gate_markdown), (junit, gate_junit)):
        if path is not None:
            write_file(path, text(report))
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(gate_markdown(report) + "\n")
    return report.exit_code


def _show_itself(reports: Sequence[Report], *, everything: bool, as_json: bool) -> int:
    """Print the reports of a candidate against itself, and return 1 for too many false alarms."""
    from tlbench.gate.false_alarms import false_alarms

    alarms = false_alarms(reports)
    if as_json:
        whole = dataclasses.asdict(alarms) | {"reports": [gate_json(each) for each in reports]}
        show_json(whole)
    else:
        for report in reports:
            _print_table(report, everything=everything)
        show([str(alarms)])
    return 0 if alarms.holds else 1


def _print_table(report: Report, *, everything: bool) -> None:
    fold = None if everything else "--all"
    show(gate_table(report, fold), COLOURS)


def _save(
    path: Path | None, what: dict[str, Any], gates: list[tuple[list[Pair], Report]]
) -> str | None:
    """Write every pair, with the machine and the reports; again after each gate.

    Returns the problem if that can't be done.
    """
    if path is None:
        return None
    whole = {
        "tlbench_gates": SAVED,
        "what": what,
        "machine": fingerprint(),
        "gates": [
            {"report": gate_json(report), "pairs": [msgspec.to_builtins(pair) for pair in pairs]}
            for pairs, report in gates
        ],
    }
    return keep(path, json.dumps(whole, default=str) + "\n")[1]
