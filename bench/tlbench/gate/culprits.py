"""Which commit made which benchmark slower: gates answer the questions of the search.

One gate answers for all benchmarks that are searched for. So benchmarks that became slower by the
same commit need no gate twice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Literal

from tlbench.gate.arm_process import ArmDied
from tlbench.gate.arms import ArmError
from tlbench.gate.bisect import Found, Question, search
from tlbench.gate.verdict import EXIT_CODES, Tolerances

if TYPE_CHECKING:
    from collections.abc import Callable

    from tlbench.gate.bisect import Answer
    from tlbench.gate.commits import Commit
    from tlbench.gate.run import Settings
    from tlbench.gate.verdict import Report, Verdict

    #: Gates a commit (the second) against a base (the first).
    RunGate = Callable[[Commit, Commit, Settings], Report]

#: What a failed verdict is about.
Kind = Literal["speed", "accuracy", "check"]


@dataclass(frozen=True)
class Culprit:
    """Where a benchmark that fails in the bad commit began to fail.

    Attributes:
        whole: Its verdict for the bad commit against the good one.
        found: The positions of the commits of which one is the culprit.
        step: Its verdict for the culprit against the commit before; None if not confirmed.
    """

    benchmark: str
    whole: Verdict
    found: Found
    step: Verdict | None


@dataclass(frozen=True)
class Bisection:
    """What a bisection found.

    Attributes:
        commits: From the good to the bad one, to which positions refer.
        whole: The gate of the bad commit against the good one.
        culprits: One for each benchmark that fails there, the largest slowdown first.
        skipped: By position, why a commit can't be measured.
        gates: How many were run.
        seconds: Of the whole bisection, with builds.
    """

    commits: tuple[Commit, ...]
    whole: Report
    culprits: tuple[Culprit, ...]
    skipped: dict[int, str]
    gates: int
    seconds: float

    @property
    def exit_code(self) -> int:
        """If the first gate fails: 1 if a culprit is confirmed, else 3. Otherwise that gate's."""
        if self.whole.status != "fail":
            return self.whole.exit_code
        confirmed = any(each.step for each in self.culprits)
        return EXIT_CODES["fail" if confirmed else "inconclusive"]


def kind_of(verdict: Verdict) -> Kind:
    """What a failed verdict is about: the benchmark's own check, accuracy or speed."""
    if verdict.accuracy_lost:
        return "accuracy"
    return "speed" if verdict.estimate else "check"


def answer_of(verdict: Verdict, kind: Kind) -> Answer:
    """The answer of a verdict, for a benchmark that fails by ``kind`` in the bad commit.

    A commit in which it fails by something else gives no answer.
    """
    if verdict.status == "not comparable":
        return "skip"
    if verdict.status == "fail":
        if kind_of(verdict) == kind:
            return "slow"
        return "skip" if kind == "speed" or verdict.estimate is None else "same"
    # A check has passed if the benchmark ran.
    if verdict.status == "pass" or kind == "check":
        return "same"
    return "inconclusive"


def half_way(verdict: Verdict, tolerances: Tolerances) -> Tolerances:
    """Tolerances with half of the slowdown for its benchmark: equally far from slow and same."""
    if kind_of(verdict) != "speed" or verdict.estimate is None or verdict.estimate.ratio <= 1:
        return tolerances
    share = math.expm1(math.log(verdict.estimate.ratio) / 2)
    return replace(tolerances, named=(*tolerances.named, (verdict.name, share)))


@dataclass
class _Oracle:
    """Runs the gates that questions need; each question is one gate, asked for all benchmarks."""

    commits: tuple[Commit, ...]
    settings: Settings
    run: RunGate
    say: Callable[[Question, Verdict | str], None]
    reports: dict[Question, Report | str] = field(default_factory=dict)
    skipped: dict[int, str] = field(default_factory=dict)

    def verdict(self, question: Question, benchmark: str) -> Verdict | str:
        """The verdict on a benchmark, or why there is none; runs the gate if needed."""
        if question not in self.reports:
            self.reports[question] = self._run(question)
        report = self.reports[question]
        if isinstance(report, str):
            return report
        there = (each for each in report.verdicts if each.name == benchmark)
        return next(there, "the benchmark is missing")

    def ask(self, question: Question, whole: Verdict) -> Answer:
        """The answer for a benchmark whose verdict in the bad commit is ``whole``."""
        fresh = question not in self.reports
        said = self.verdict(question, whole.name)
        answer = "skip" if isinstance(said, str) else answer_of(said, kind_of(whole))
        if answer == "skip":
            said = said if isinstance(said, str) else said.reason
            if question.base == 0:  # otherwise the base may be the one that can't be measured
                self.skipped.setdefault(question.commit, said)
        if fresh:
            self.say(question, said)
        return answer

    def _run(self, question: Question) -> Report | str:
        """A gate's report, or why there is none."""
        budget_s = self.settings.budget_s * 2**question.effort
        settings = replace(self.settings, budget_s=budget_s)
        base, commit = self.commits[question.base], self.commits[question.commit]
        try:
            return self.run(base, commit, settings)
        except (ArmDied, ArmError) as error:
            return str(error).strip().splitlines()[-1]


def bisect(
    commits: tuple[Commit, ...],
    settings: Settings,
    run: RunGate,
    say: Callable[[Question, Verdict | str], None],
) -> Bisection:
    """Gate the last commit against the first, and find since when each benchmark fails.

    Args:
        commits: From the good to the bad one.
        settings: Of the first gate. The tolerance of later gates is half of the slowdown.
        run: Gates a commit against a base.
        say: Called after each further gate with the verdict on the benchmark that is searched for,
            or with the reason why there is none.

    Raises:
        ArmDied, ArmError: The first gate couldn't be run.
    """
    start, last = perf_counter(), len(commits) - 1
    whole = run(commits[0], commits[-1], settings)
    failed = sorted((each for each in whole.verdicts if each.status == "fail"), key=_severity)
    tolerances = settings.tolerances
    for each in failed:
        tolerances = half_way(each, tolerances)
    oracle = _Oracle(commits, settings, run, say, {Question(0, last): whole})
    culprits = []
    for number, verdict in enumerate(failed):
        only = tuple(each.name for each in failed[number:])
        oracle.settings = replace(settings, tolerances=tolerances, only=only)
        found = search(last, partial(oracle.ask, whole=verdict))
        step = oracle.verdict(found.confirmed, verdict.name) if found.confirmed else None
        assert not isinstance(step, str)  # noqa: S101 - a reason confirms nothing
        culprits.append(Culprit(verdict.name, verdict, found, step))
    gates, seconds = len(oracle.reports), perf_counter() - start
    return Bisection(commits, whole, tuple(culprits), oracle.skipped, gates, seconds)


def _severity(verdict: Verdict) -> float:
    """Sort key: first benchmarks without times, then the largest slowdowns."""
    return -math.inf if verdict.estimate is None else -verdict.estimate.ratio
