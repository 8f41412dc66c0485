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
from tlbench.gate.decide import Decisions
from tlbench.gate.journal import Journal, Pair
from tlbench.gate.outcome import Report
from tlbench.gate.pair import collect, time_pair
from tlbench.gate.round_plan import PILOT, RoundPlan, plan_rounds
from tlbench.gate.tolerances import Tolerances
from tlbench.gate.verdicts import judge_benchmarks, unusable
from tlbench.stats.interim_looks import LOOKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.random import Generator

    from tlbench.gate.arm_setup import Prepared


@dataclass(frozen=True)
class Settings:
    """What a gate runs, and how long.

    Attributes:
        arguments: pytest's, the same for both arms.
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
        base, head: What is compared.
        settings: How.
        journal: Keeps the pairs.
        coins: Decides who is first in a pair.
        say: Told what happens, in a line.
        pairs: So far.
    """

    base: Prepared
    head: Prepared
    settings: Settings
    journal: Journal
    coins: Generator
    say: Callable[[str], None]
    pairs: list[Pair] = field(default_factory=list)
    _decisions: Decisions = field(default_factory=lambda: Decisions({}))
    _plan: RoundPlan | None = None

    def run(self, *, resume: bool = False) -> Report:
        """Run pairs and judge.

        Args:
            resume: Go on with the pairs in the journal, if there are any.

        Raises:
            ArmDied: A process ended before its work was done.
            JournalError: The journal can't be read.
        """
        if resume:
            self._replay(self.journal.resume())
        else:
            self.journal.start()
        while self._another():
            pair = self._run_pair()
            self.journal.add(pair)
            self._take(pair)
        self._consider(last=True)
        self.journal.end()
        return self._report()

    def _another(self) -> bool:
        """Whether to run another pair."""
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
            self._take(pair)
        if pairs:
            self.say(f"goes on after {len(pairs)} pair(s) that were run before")
        else:
            self.say("no pair of exactly these arms and options was kept; begins anew")

    def _take(self, pair: Pair) -> None:
        """Count a pair in."""
        self.pairs.append(pair)
        if len(self.pairs) == 1:
            self._begin(pair)
        for name in unusable(pair):
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
            f"plan: turns in each pair: {turns or 'none'}; about {self._plan.pair_s:.0f} s a pair, "
            f"at most {max(1, fitting)} pairs; verdicts from {LOOKS[0].pairs} pairs on"
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
        done = f"{len(names) - len(self._decisions.open)} of {len(names)} decided"
        return f"pair {len(self.pairs)} ({pair.seconds:.0f} s): {ratios}; {done}"

    def _run_pair(self) -> Pair:
        start, head_first = perf_counter(), bool(self.coins.integers(2))
        with ExitStack() as stack:
            scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="tlbench-")))
            base, head = _started(self, scratch, stack, head_first=head_first)
            collected = collect(base, head, frozenset(self._left_out()))
            rounds = self._plan.rounds if self._plan else dict.fromkeys(collected.both, PILOT)
            timed = time_pair(base, head, collected, rounds, head_first=head_first)
        return Pair(
            head_first,
            timed,
            perf_counter() - start,
            collected.vanished,
            collected.new,
            collected.tolerances,
        )

    def _left_out(self) -> Iterator[str]:
        """Benchmarks of the first pair that can't be timed."""
        if self.pairs:
            yield from set(self.pairs[0].benchmarks) - set(self._decisions.tolerances)

    def _report(self) -> Report:
        verdicts, notes = judge_benchmarks(self.pairs, self._decisions, self.settings.tolerances)
        return Report(self.base.label, self.head.label, verdicts, self._spent_s, notes)


def _started(
    gate: Gate, scratch: Path, stack: ExitStack, *, head_first: bool
) -> tuple[ArmProcess, ArmProcess]:
    """Both processes, the one that the coin chose first; ended when the stack is."""
    plugin = scratch / "plugin"
    plugin.mkdir()
    shutil.copy(arm_plugin.__file__, plugin / f"{PLUGIN}.py")
    started = {}
    for key in ("head", "base") if head_first else ("base", "head"):
        arm: Prepared = getattr(gate, key)
        arguments = (*gate.settings.arguments, *_results(gate.settings, scratch / key))
        process = ArmProcess(arm, arguments, plugin, scratch / f"{key}.log")
        started[key] = stack.enter_context(process)
    return started["base"], started["head"]


def _results(settings: Settings, folder: Path) -> tuple[str, ...]:
    """Our own suite's result files go where they are forgotten: pairs are kept by the gate.

    And an ini file's stored baseline is of no concern here.
    """
    if "--benchmark" not in settings.arguments:
        return ()
    return f"--results={folder}", "--no-isolate", "--gate=", "-o", "tlbench_gate="


def _short(name: str) -> str:
    return name.rpartition("::")[2].removeprefix("test_")
