"""``tlbench gate``."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

from tlbench.cli.command_line import INTERRUPTED, BadInput
from tlbench.gate.arm_process import ArmDied
from tlbench.gate.arm_setup import prepared
from tlbench.gate.arms import ArmError, parse_arm
from tlbench.gate.false_alarms import false_alarms
from tlbench.gate.journal import Journal, JournalError, Pair
from tlbench.gate.run import Gate, Settings
from tlbench.gate.tolerances import parse_tolerances
from tlbench.report.gate_text import gate_json, gate_junit, gate_markdown, gate_table
from tlbench.report.tint import VERDICTS, tinted
from tlbench.runs.files import cache_dir, write_file

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tlbench.gate.arm_setup import Prepared
    from tlbench.gate.outcome import Report

#: Exit codes: a process that ended early measured nothing.
NOTHING_MEASURED = 4
#: Version of what ``--save`` writes.
SAVED = 1


@dataclasses.dataclass(frozen=True)
class Outputs:
    """Where a report goes besides the terminal.

    Attributes:
        markdown, junit, save: Files; None writes none.
        as_json: Print JSON in place of the table.
    """

    markdown: Path | None = None
    junit: Path | None = None
    save: Path | None = None
    as_json: bool = False


def run(
    *,
    base: str,
    head: str,
    settings: Settings,
    outputs: Outputs,
    repeat: int | None,
    resume: bool,
    seed: int | None,
) -> None:
    """Compare two arms, or one with itself.

    Args:
        base: Arm as the user wrote it.
        head: As ``base``.
        settings: What is run.
        outputs: Where the report goes.
        repeat: Gates of the head against itself; None compares base and head.
        resume: Go on with an interrupted gate.
        seed: Of the coins; None takes the system's randomness.

    Raises:
        BadInput: An arm that can't be prepared.
        SystemExit: With the report's exit code.
    """
    signal.signal(signal.SIGTERM, _terminated)
    texts = (head, head) if repeat else (base, head)
    try:
        code = _run(texts, settings, outputs, repeat, resume=resume, seed=seed)
    except (ArmError, JournalError) as error:
        raise BadInput(str(error)) from error
    except ArmDied as error:
        click.echo(f"tlbench gate: {error}", err=True)
        raise SystemExit(NOTHING_MEASURED) from error
    raise SystemExit(code)


def _run(
    texts: tuple[str, str],
    settings: Settings,
    outputs: Outputs,
    repeat: int | None,
    *,
    resume: bool,
    seed: int | None,
) -> int:
    coins = np.random.default_rng(seed)
    store, here = cache_dir() / "gate", Path.cwd()
    with ExitStack() as stack:
        base, head = (
            stack.enter_context(prepared(parse_arm(text), name, cwd=here, store=store, say=_say))
            for text, name in zip(texts, ("base", "head"), strict=True)
        )
        what = {
            "base": base.identity,
            "head": head.identity,
            "settings": dataclasses.asdict(settings),
            "folder": str(here),
        }
        journal = Journal.of(store / "journals", what)
        gates: list[tuple[list[Pair], Report]] = []
        for number in range(repeat or 1):
            gate = Gate(base, head, settings, journal, coins, _say)
            if repeat:
                _say(f"gate {number + 1} of {repeat}: {head.label} against itself")
            try:
                report = gate.run(resume=resume)
            except (KeyboardInterrupt, SystemExit) as error:
                _say(f"interrupted after {len(gate.pairs)} pair(s); {_hint(base, head)}")
                if isinstance(error, KeyboardInterrupt):  # all is said
                    raise SystemExit(INTERRUPTED) from None
                raise
            gates.append((gate.pairs, report))
            _save(outputs.save, what, gates)
    reports = [report for _, report in gates]
    return _tell_itself(reports, outputs) if repeat else _tell(reports[0], outputs)


def _hint(base: Prepared, head: Prepared) -> str:
    if any(arm.identity["commit"] is None for arm in (base, head)):
        return "outside a git repository nothing tells whether files change, so it can't go on"
    return "--resume goes on with them"


def _tell(report: Report, outputs: Outputs) -> int:
    """Print the report, write its files, and give its exit code."""
    summary = os.environ.get("GITHUB_STEP_SUMMARY")
    if summary:
        with Path(summary).open("a", encoding="utf-8") as file:
            file.write(gate_markdown(report) + "\n")
    for path, text in (
        (outputs.markdown, gate_markdown(report)),
        (outputs.junit, gate_junit(report)),
    ):
        _write(path, text)
    if outputs.as_json:
        click.echo(json.dumps(gate_json(report), indent=1))
    else:
        click.echo("\n".join(tinted(line, VERDICTS) for line in gate_table(report)))
    return report.exit_code


def _tell_itself(reports: Sequence[Report], outputs: Outputs) -> int:
    found = false_alarms(reports)
    if outputs.as_json:
        whole = dataclasses.asdict(found) | {"reports": [gate_json(each) for each in reports]}
        click.echo(json.dumps(whole, indent=1))
    else:
        for report in reports:
            click.echo("\n".join(tinted(line, VERDICTS) for line in gate_table(report)))
        click.echo(str(found))
    return 0 if found.holds else 1


def _save(path: Path | None, what: dict[str, Any], gates: list[tuple[list[Pair], Report]]) -> None:
    """Every raw pair, with the machine and the reports; anew after each gate."""
    if path is None:
        return
    from tlbench.machine.fingerprint import fingerprint

    whole = {
        "tlbench_gates": SAVED,
        "what": what,
        "machine": fingerprint(),
        "gates": [
            {"report": gate_json(report), "pairs": [dataclasses.asdict(pair) for pair in pairs]}
            for pairs, report in gates
        ],
    }
    _write(path, json.dumps(whole, default=str) + "\n")


def _write(path: Path | None, text: str) -> None:
    if path is not None:
        write_file(path, text)


def _say(text: str) -> None:
    click.echo(text, err=True)


def _terminated(number: int, _: object) -> None:
    """A polite end, so that worktrees and processes are cleared away."""
    raise SystemExit(128 + number)


def settings_of(
    arguments: tuple[str, ...],
    *,
    workload: str,
    given: dict[str, str],
    tolerance: tuple[str, ...],
    accuracy_tolerance: str | None,
    budget: float,
) -> Settings:
    """What is run, from the command line.

    Args:
        arguments: pytest's, after ``--``; none runs our own suite.
        workload: Its workload.
        given: Suite options that were given, name to text.
        tolerance: As ``parse_tolerances`` takes them.
        accuracy_tolerance: As it takes that.
        budget: Seconds.

    Raises:
        BadInput: Suite options beside arguments for another suite.
        OptionError: A tolerance that is none.
    """
    options = [f"--{name.replace('_', '-')}={text}" for name, text in given.items()]
    if not arguments:
        arguments = ("--benchmark", f"--workload={workload}")
    elif options and "--benchmark" not in arguments:
        raise BadInput(
            f"{options[0]}: an option of tlbench's own suite, but {arguments[0]} is run; "
            "give pytest's options after --"
        )
    tolerances = parse_tolerances(tolerance, accuracy_tolerance)
    return Settings((*arguments, *options), tolerances, budget)
