"""``tlbench bisect``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click
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
from tlbench.cli.options import json_option, pytest_command
from tlbench.gate.arm_process import ArmDied
from tlbench.gate.arms import parse_arm
from tlbench.gate.commits import commits_between
from tlbench.suite.arm_options import ARM_OPTIONS
from tlbench.suite.workloads import QUICK
from tlbench.terminal import say, show, show_json

if TYPE_CHECKING:
    from tlbench.gate.bisect import Question
    from tlbench.gate.commits import Commit
    from tlbench.gate.culprits import Bisection
    from tlbench.gate.run import Settings
    from tlbench.gate.verdict import Report, Verdict


@click.command(epilog="Example: tlbench bisect --good v1.0 --bad main -- bench_sort.py")
@click.option("--good", required=True, metavar="REF", help="commit that was fast")
@click.option(
    "--bad", default="HEAD", show_default=True, metavar="REF", help="later commit that is slow"
)
@click.option("--arm", default="", metavar="ARM", help="what every arm has besides ref=")
@tolerance_option
@accuracy_tolerance_option
@budget_option("time limit for the process pairs of one gate")
@seed_option
@json_option
@pytest_command("--benchmark", workload=QUICK.name)
def bisect(
    *,
    command: tuple[str, ...],
    good: str,
    bad: str,
    arm: str,
    tolerance: tuple[str, ...],
    accuracy_tolerance: str | None,
    budget: float,
    seed: int | None,
    as_json: bool,
) -> None:
    """Find the commit since which a benchmark is slower.

    The bad commit is gated against the good one. For each benchmark that fails, commits between
    them are gated against the good one. The result is gated against the commit before it. The
    search follows first parents: a merge is one step. A commit that can't be measured is skipped.
    An inconclusive gate is repeated once with twice the budget. An ARM is as in tlbench gate, such
    as pip=. or env.NAME=value.

    Exit code 0: nothing is slower; 1: a commit is named; 2: bad input; 3: inconclusive, or several
    commits remain; 4: nothing measured or not comparable.
    """
    from tlbench.gate.run import Settings
    from tlbench.gate.verdict import parse_tolerances
    from tlbench.report.bisect_text import bisect_json, bisect_lines

    settings = Settings(command, parse_tolerances(tolerance, accuracy_tolerance), budget)
    parse_arm(_arm("HEAD", arm), ARM_OPTIONS)
    commits = commits_between(Path.cwd(), good, bad)
    try:
        result = _Run(commits, arm, seed).bisect(settings)
    except ArmDied as error:
        raise died(error) from error
    if as_json:
        show_json(bisect_json(result))
    else:
        show(bisect_lines(result))
    raise SystemExit(result.exit_code)


def _arm(ref: str, more: str) -> str:
    return ",".join(filter(None, (f"ref={ref}", more)))


class _Run:
    """The gates of a bisection, each with a line of progress; ``arm`` is part of every arm."""

    def __init__(self, commits: tuple[Commit, ...], arm: str, seed: int | None) -> None:
        self.commits, self.arm = commits, arm
        self.turns = np.random.default_rng(seed)
        self.gates = 1

    def bisect(self, settings: Settings) -> Bisection:
        """Run it; an interruption says after how many gates."""
        from tlbench.gate.culprits import bisect

        good, *_, bad = self.commits
        steps = count(len(self.commits) - 1, "commit")
        say(f"gate 1: {bad.short} against {good.short}, {steps} later")
        try:
            return bisect(self.commits, settings, self.gate, self.step)
        except KeyboardInterrupt:
            raise Interrupted(f"interrupted after gate {self.gates}") from None

    def gate(self, base: Commit, commit: Commit, settings: Settings) -> Report:
        """Gate a commit against a base."""
        arms = (_arm(base.sha, self.arm), _arm(commit.sha, self.arm))
        with ready(arms, settings, lambda _: None) as sides:
            return sides.gate(self.turns, lambda _: None).run()

    def step(self, question: Question, said: Verdict | str) -> None:
        """Print what a gate says."""
        from tlbench.report.bisect_text import step_line

        self.gates += 1
        say(step_line(self.gates, question, self.commits, said))
