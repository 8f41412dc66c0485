"""The gate: pair after pair, until every benchmark is decided or time is up."""

from __future__ import annotations

import shutil
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from tlbench.gate import arm_plugin
from tlbench.gate.arm_process import PLUGIN, ArmProcess
from tlbench.gate.pair import collect, time_benchmark
from tlbench.gate.pair_result import BASE, CANDIDATE, Pair
from tlbench.gate.pair_verdicts import pair_verdicts
from tlbench.gate.round_plan import PILOT, RoundPlan, plan_rounds
from tlbench.gate.tolerances import Tolerances
from tlbench.gate.verdict import Report
from tlbench.stats.interim_looks import LOOKS
from tlbench.stats.pair_decisions import Decisions

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator

    from tlbench.gate.arm_setup import ReadyArm
    from tlbench.gate.journal import Journal


@dataclass(frozen=True)
class Settings:
    """What a gate runs, and how long.

    Attributes:
        arguments: pytest's, the same for both sides.
        tolerances: What may be lost.
        budget_s: Seconds that all pairs may take; one pair runs in any case.
    """

    arguments: tuple[str, ...]
    tolerances: Tolerances = field(default_factory=Tolerances)
    budget_s: float = 600.0


@dataclass
class Gate:
    """A gate as it runs.

    Attributes:
        base, candidate: What is compared.
        settings: How.
        journal: Where pairs are written.
        random: Decides who is first in a pair.
        say: Called with lines of progress.
        pairs: So far.
    """

    base: ReadyArm
    candidate: ReadyArm
    settings: Settings
    journal: Journal
    random: Generator
    say: Callable[[str], None]
    pairs: list[Pair] = field(default_factory=list)
    _decisions: Decisions = field(default_factory=lambda: Decisions({}))
    _plan: RoundPlan | None = None

    def run(self, *, resume: bool = False) -> Report:
        """Run pairs and judge.

        Args:
            resume: Continue after the pairs in the journal, if there are any.

        Raises:
            ArmDied: A process ended before its work was done.
            JournalError: The journal can't be read.
        """
        if resume:
            self._replay(self.journal.resume())
        else:
            self.journal.start()
        while self._needs_another():
            pair = self._run_pair()
            self.journal.add(pair)
            self._add(pair)
        self._consider(last=True)
        self.journal.end()
        verdicts, notes = pair_verdicts(self.pairs, self._decisions, self.settings.tolerances)
        return Report(self.base.label, self.candidate.label, verdicts, self._spent_s, notes)

    def _needs_another(self) -> bool:
        if not self.pairs:
            return True
        if not self._decisions.open or len(self.pairs) >= LOOKS[-1].pairs:
            return False
        assert self._plan is not None  # noqa: S101 - made from the first pair
        return self._spent_s + self._plan.pair_s <= self.settings.budget_s

    @property
    def _spent_s(self) -> float:
        return sum(each.seconds for each in self.pairs)

    def _replay(self, pairs: list[Pair]) -> None:
        for pair in pairs:
            self._add(pair)
        if pairs:
            self.say(f"resuming after {len(pairs)} pair{'s' * (len(pairs) != 1)}")
        else:
            self.say("nothing to resume for these arms and options, starting over")

    def _add(self, pair: Pair) -> None:
        """Count a pair in."""
        self.pairs.append(pair)
        if len(self.pairs) == 1:
            self._begin(pair)
        for name in pair.unusable:
            self._decisions.drop(name)
        self._consider(last=False)
        self.say(self._progress(pair))

    def _begin(self, pilot: Pair) -> None:
        shares = self.settings.tolerances.shares(pilot)
        self._decisions = Decisions(shares)
        usable = {name: each for name, each in pilot.benchmarks.items() if name in shares}
        self._plan = plan_rounds(usable, pilot.seconds, self.settings.budget_s, shares)
        turns = ", ".join(f"{_short(name)} {count}" for name, count in self._plan.rounds.items())
        fitting = min(LOOKS[-1].pairs, int(self.settings.budget_s // self._plan.pair_s))
        self.say(
            f"plan: rounds per pair: {turns or 'none'}; about {self._plan.pair_s:.0f} s per pair, "
            f"at most {max(1, fitting)} pairs; first verdicts after {LOOKS[0].pairs} pairs"
        )

    def _consider(self, *, last: bool) -> None:
        logs = {
            name: [pair.benchmarks[name].log_ratio for pair in self.pairs]
            for name in self._decisions.tolerances
        }
        self._decisions.consider(logs, last=last)

    def _progress(self, pair: Pair) -> str:
        names = self._decisions.tolerances
        ratios = ", ".join(
            f"{_short(name)} {pair.benchmarks[name].log_ratio:+.1%}" for name in names
        )
        count = f"{len(names) - len(self._decisions.open)} of {len(names)} decided"
        return f"pair {len(self.pairs)} ({pair.seconds:.0f} s): {ratios}; {count}"

    def _run_pair(self) -> Pair:
        start, candidate_first = perf_counter(), bool(self.random.integers(2))
        # Benchmarks of the first pair that can't be timed aren't run again.
        first = self.pairs[0].benchmarks if self.pairs else {}
        leave_out = frozenset(first.keys() - self._decisions.tolerances.keys())
        with ExitStack() as stack:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tlbench-")))
            processes = self._start(scratch, stack, candidate_first=candidate_first)
            there = collect(processes, leave_out)
            turns = self._plan.rounds if self._plan else dict.fromkeys(there.both, PILOT)
            timed = {name: time_benchmark(processes, turns[name]) for name in there.both}
        seconds = perf_counter() - start
        return Pair(candidate_first, timed, seconds, there.vanished, there.new, there.tolerances)

    def _start(
        self, scratch: Path, stack: ExitStack, *, candidate_first: bool
    ) -> dict[str, ArmProcess]:
        """Both processes by side, the first one first; they end with the stack."""
        plugin = scratch / "plugin"
        plugin.mkdir()
        shutil.copy(arm_plugin.__file__, plugin / f"{PLUGIN}.py")
        sides = [(BASE, self.base), (CANDIDATE, self.candidate)]
        processes = {}
        for key, arm in sides[::-1] if candidate_first else sides:
            arguments = (*self.settings.arguments, *_results(self.settings, scratch / key))
            process = ArmProcess(arm, arguments, plugin, scratch / f"{key}.log")
            stack.callback(process.close)
            processes[key] = process
        return processes


def _results(settings: Settings, folder: Path) -> tuple[str, ...]:
    """Our own suite's result files go where they are deleted: the gate itself stores pairs.

    And an ini file's stored baseline is of no concern here.
    """
    if "--benchmark" not in settings.arguments:
        return ()
    return f"--results={folder}", "--no-isolate", "--gate=", "-o", "tlbench_gate="


def _short(name: str) -> str:
    return name.rpartition("::")[2].removeprefix("test_")
