"""The gate: pair after pair, until every benchmark is decided or time is up."""

from __future__ import annotations

import shutil
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import msgspec

from tlbench.cache import temporary_folder
from tlbench.gate import arm
from tlbench.gate.arm_process import PLUGIN, ArmProcess, limits
from tlbench.gate.comparable import incomparable, incomparable_verdicts
from tlbench.gate.own_paths import own_arguments
from tlbench.gate.pair import time_benchmarks
from tlbench.gate.pair_result import BASE, CANDIDATE, Loaded, Pair
from tlbench.gate.pair_verdicts import pair_verdicts
from tlbench.gate.plan import PAIRS_TO_FIT, PILOT, PILOT_S, Turns, costs, outlook, plan_turns
from tlbench.gate.processors import two_processors
from tlbench.gate.progress import START, pair_line, plan_line, resumed_line, steps
from tlbench.gate.verdict import Report, Tolerances
from tlbench.stats.estimate import LOOKS
from tlbench.stats.pair_decisions import Decisions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.random import Generator

    from tlbench.gate.arm_setup import ReadyArm
    from tlbench.gate.collected import Fatal
    from tlbench.gate.pair_result import Journal
    from tlbench.gate.plan import Costs, Outlook


#: Left out where a folder of Python files is copied.
_CACHES = shutil.ignore_patterns("__pycache__")


@dataclass(frozen=True)
class Settings:
    """What a gate runs, and how long.

    Attributes:
        arguments: pytest's, the same for both sides.
        budget_s: Seconds that all pairs may take; one pair runs in any case.
        only: Ids of the benchmarks that run; empty for all.
    """

    arguments: tuple[str, ...]
    tolerances: Tolerances = field(default_factory=Tolerances)
    budget_s: float = 600.0
    only: tuple[str, ...] = ()


@dataclass
class Gate:
    """A gate: ``random`` decides which side is first in a pair, ``say`` gets lines of progress."""

    base: ReadyArm
    candidate: ReadyArm
    settings: Settings
    journal: Journal
    random: Generator
    say: Callable[[str], None]
    pairs: list[Pair] = field(default_factory=list)
    _decisions: Decisions = field(default_factory=lambda: Decisions({}))
    _incomparable: str | None = None

    def run(self, *, resume: bool = False) -> Report:
        """Run pairs and judge; ``resume`` continues after those in the journal, if any.

        Raises:
            ArmDied: A process ended before its work was done.
            JournalError: The journal can't be read.
        """
        if resume:
            self._replay(self.journal.resume())
        else:
            self.journal.start()
        with plugin_folder() as scratch:
            while self._needs_another():
                pair = self._run_pair(scratch)
                self.journal.add(pair)
                self._add(pair)
        self._consider(last=True)
        self.journal.end()
        verdicts, notes = pair_verdicts(self.pairs, self._decisions, self.settings.tolerances)
        if self._incomparable:
            verdicts = incomparable_verdicts(verdicts, self._incomparable)
        elif self._decisions.open and not self._outlook.can_pass:
            notes += (plan_line(self._outlook),)
        notes += self.base.notes + self.candidate.notes
        return Report(
            self.base.label,
            self.candidate.label,
            verdicts,
            sum(each.seconds for each in self.pairs),
            notes,
            all_new=self.pairs[0].all_new,
            loaded=msgspec.to_builtins(self.pairs[0].loaded),
        )

    def _needs_another(self) -> bool:
        if not self.pairs:
            return True
        if self._incomparable:
            return False
        if not self._decisions.open or len(self.pairs) >= LOOKS[-1].pairs:
            return False
        if len(self.pairs) == 1 and not self._outlook.can_pass:
            return False
        left_s = self.settings.budget_s - self._spent_s
        return self._costs.pair_s(self._turns(left_s)) <= left_s

    @property
    def _costs(self) -> Costs:
        return costs(self.pairs[-1], self._decisions.tolerances)

    @property
    def _outlook(self) -> Outlook:
        return outlook(self._costs, self.pairs[0].counted_s, self.settings.budget_s)

    def _turns(self, left_s: float) -> dict[str, int]:
        return plan_turns(self._costs, self._decisions.timed, left_s, len(self.pairs))

    @property
    def _spent_s(self) -> float:
        return sum(each.counted_s for each in self.pairs)

    def _replay(self, pairs: list[Pair]) -> None:
        for pair in pairs:
            self._add(pair)
        self.say(resumed_line(len(pairs)))

    def _add(self, pair: Pair) -> None:
        self.pairs.append(pair)
        if len(self.pairs) == 1:
            self._begin(pair)
        for name in pair.unusable:
            self._decisions.drop(name)
        self._consider(last=False)
        self.say(pair_line(self.pairs, self._decisions))

    def _begin(self, pilot: Pair) -> None:
        loaded = [pilot.loaded.get(key, {}) for key in (BASE, CANDIDATE)]
        self._incomparable = incomparable(self.base, self.candidate, *loaded)
        self._decisions = Decisions(self.settings.tolerances.shares(pilot))
        if self._decisions.tolerances and not self._incomparable:
            self.say(plan_line(self._outlook))

    def _consider(self, *, last: bool) -> None:
        logs = {
            name: [pair.benchmarks[name].log_ratio for pair in self.pairs]
            for name in self._decisions.timed
        }
        self._decisions.consider(logs, last=last)

    def _run_pair(self, scratch: Path) -> Pair:
        if not self.pairs:
            self.say(START)
        start, candidate_first = perf_counter(), bool(self.random.integers(2))
        # The hash seed is the same for both processes of a pair, and differs between pairs.
        environ = {"PYTHONHASHSEED": f"{self.random.integers(2**32):010}"}
        with steps(len(self.pairs) + 1, self.say) as step:
            there, timed = time_benchmarks(
                lambda fatal: self.processes(
                    scratch, environ, fatal, first=CANDIDATE if candidate_first else BASE
                ),
                self._wanted,
                self._allowed(),
                step,
            )
        seconds = perf_counter() - start
        loaded = msgspec.convert(there.loaded, dict[str, dict[str, Loaded]])
        expected = dict.fromkeys((*there.both, *self._decisions.timed))
        lost = tuple(name for name in expected if name not in timed)
        return Pair(
            candidate_first, timed, seconds, there.vanished, there.new, there.tolerances,
            there.errors, there.notes, loaded, lost, there.starts,
        )  # fmt: skip

    def _wanted(self, name: str) -> bool:
        """Whether the next pair runs a benchmark; not if it can't be timed, or is decided."""
        if self.pairs:
            return name in self._decisions.timed
        return name in (self.settings.only or (name,))

    def _allowed(self) -> Callable[[str, int], Turns]:
        """Turns of a benchmark in the next pair, by its id and the number of benchmarks."""
        budget_s = self.settings.budget_s
        if not self.pairs:
            share_s, end_s = budget_s / PAIRS_TO_FIT, perf_counter() + max(PILOT_S, budget_s)
            return lambda _, count: Turns(
                PILOT * (perf_counter() < end_s), share_s / count, two_processors(), pilot=True
            )
        turns = self._turns(budget_s - self._spent_s)
        duets = {name for name, each in self.pairs[-1].benchmarks.items() if each.duet}
        return lambda name, _: Turns(
            turns[name], processors=two_processors() if name in duets else ()
        )

    @contextmanager
    def processes(
        self,
        scratch: Path,
        environ: dict[str, str],
        fatal: Fatal,
        *,
        first: str = BASE,
        prefix: Sequence[str] = (),
        slower: float = 1.0,
    ) -> Iterator[dict[str, ArmProcess]]:
        """Both processes by side, started with the side ``first``; they end with the block.

        ``scratch`` has the plugin, and gets the processes' output. ``prefix`` is a command that
        runs the interpreter, ``slower`` times as slowly as usual.
        """
        sides = {BASE: self.base, CANDIDATE: self.candidate}
        with ExitStack() as stack:
            processes: dict[str, ArmProcess] = {}
            for key, side in sorted(sides.items(), key=lambda item: item[0] != first):
                arguments = own_arguments(self.settings.arguments, side)
                if "--benchmark" in arguments:
                    # The suite's result files go to a temporary folder: the gate itself stores
                    # pairs.
                    arguments += [f"--results={scratch / key}", "--no-isolate"]
                log = scratch / f"{key}.log"
                process = ArmProcess(
                    side,
                    arguments,
                    scratch,
                    log,
                    environ=environ,
                    limits=limits(self.settings.budget_s, slower),
                    prefix=prefix,
                )
                stack.callback(process.close)
                process.tell(event="settings", loaded=not self.pairs, left_out=list(fatal[key]))
                processes[key] = process
            yield processes


@contextmanager
def plugin_folder() -> Iterator[Path]:
    """A folder for arms' processes, with the plugin.

    All processes share it, so that only the first one compiles the plugin.
    """
    with temporary_folder() as scratch:
        shutil.copytree(Path(arm.__file__).parent, scratch / PLUGIN, ignore=_CACHES)
        yield scratch
