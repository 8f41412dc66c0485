"""A process pair: both sides alive at once, taking turns round by round, as many as planned."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

from tlbench.gate.pair_result import BASE, CANDIDATE, BenchmarkOutcome, PairedRounds
from tlbench.gate.plan import LONG_S, Round, round_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from tlbench.gate.arm_process import ArmProcess

    #: Processes by side, in the order of the first turn.
    Processes = Mapping[str, ArmProcess]
    Messages = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Benchmarks:
    """Ids of benchmarks that both sides have, only the base, only the candidate; in its order.

    Attributes:
        tolerances: Arguments of the candidate's markers ``tolerance``, by id.
        errors: By side, files that couldn't be imported, with the error's first line.
        notes: What the user is to know of how they run.
        loaded: By side, packages that were imported by the end, if they were asked for.
    """

    both: tuple[str, ...]
    vanished: tuple[str, ...]
    new: tuple[str, ...]
    tolerances: dict[str, dict[str, Any]]
    errors: dict[str, dict[str, str]]
    notes: tuple[str, ...]
    loaded: dict[str, dict[str, Any]] = field(default_factory=dict)


def collect(processes: Processes, wanted: Callable[[str], bool]) -> Benchmarks:
    """Ask both sides for their benchmarks, and make them run those of both that are wanted."""
    messages = {key: process.hear("collected") for key, process in processes.items()}
    old, new = (messages[key]["tolerances"] for key in (BASE, CANDIDATE))
    both = [name for name in new if name in old and wanted(name)]
    for process in processes.values():
        process.tell(run=both)
    return Benchmarks(
        tuple(both),
        tuple(name for name in old if name not in new),
        tuple(name for name in new if name not in old),
        {name: new[name] for name in new if name in old},
        {key: message["errors"] for key, message in messages.items()},
        tuple(dict.fromkeys(note for each in messages.values() for note in each["notes"])),
    )


def time_benchmarks(
    start: Callable[[], AbstractContextManager[Processes]],
    wanted: Callable[[str], bool],
    turns: Callable[[str, int], Turns],
    step: Callable[[str, int, Sequence[str]], None],
) -> tuple[Benchmarks, dict[str, PairedRounds]]:
    """Run all benchmarks that are wanted; where a process dies, new ones go on with what is left.

    Args:
        start: Starts both processes, and ends them after the block.
        wanted: Whether a benchmark of this id is run.
        turns: What a benchmark gets, of so many.
        step: Called with a benchmark that begins, how many are done, and all of them.

    Raises:
        ArmDied: A process ended before it had collected its benchmarks.
    """
    first: Benchmarks | None = None
    timed: dict[str, PairedRounds] = {}
    while True:
        with start() as processes:
            there = collect(processes, lambda name: wanted(name) and name not in timed)
            first = first or there
            for name in there.both:
                step(name, len(timed), first.both)
                allowed = turns(name, len(first.both))
                timed[name], alive = time_benchmark(processes, allowed)
                if not alive:
                    break
            else:
                ends = {key: each.hear("finished", "died") for key, each in processes.items()}
                loaded = {key: end.get("loaded", {}) for key, end in ends.items()}
                return replace(first, loaded=loaded), timed


@dataclass(frozen=True)
class Turns:
    """How many turns a benchmark gets; fewer, but one, once so many seconds have passed."""

    count: int
    limit_s: float = math.inf


def time_benchmark(processes: Processes, turns: Turns) -> tuple[PairedRounds, bool]:
    """Run the next benchmark in both processes, turn by turn; who begins alternates.

    Returns:
        The rounds, and whether both processes can go on.
    """
    start = perf_counter()
    messages = {key: process.hear("ready", "done", "died") for key, process in processes.items()}
    ready = [key for key, message in messages.items() if message["event"] == "ready"]
    rounds, raised = PairedRounds(), {}
    if len(ready) == len(processes):
        timing = _Timing(processes, rounds, {})
        timing.run(turns, messages[CANDIDATE]["iterations"])
        raised = timing.raised
        for key in processes.keys() - raised.keys():
            processes[key].tell(do="finish")
    else:
        for key in ready:
            processes[key].tell(do="skip")
    for key in ready:
        died = raised.get(key, {}).get("event") == "died"
        messages[key] = raised[key] if died else processes[key].hear("done", "died")
    stopped = ready if len(ready) < len(processes) else []
    rounds.outcomes.update({key: _outcome(messages[key], key in stopped) for key in messages})
    rounds.overhead_s = perf_counter() - start - rounds.wall_s
    alive = all(end["event"] == "done" and not end["ends"] for end in messages.values())
    return rounds, alive


def _outcome(message: dict[str, Any], stopped: bool) -> BenchmarkOutcome:  # noqa: FBT001
    if message["event"] == "died":
        return BenchmarkOutcome("failed", message["message"])
    outcome = "stopped" if stopped else message["outcome"]
    return BenchmarkOutcome(outcome, message["message"], message["info"])


@dataclass
class _Timing:
    """The rounds of one benchmark in both processes.

    ``raised`` has the messages of sides whose function raised, or whose process died.
    """

    processes: Processes
    rounds: PairedRounds
    raised: Messages

    def run(self, turns: Turns, iterations: int | None) -> None:
        """Warm up, then take turns; where a side raises, forget the times and stop."""
        each = self._warm_up(iterations)
        order, start = list(self.processes), perf_counter()
        seconds = {BASE: self.rounds.base, CANDIDATE: self.rounds.candidate}
        for turn in range(turns.count):
            if self.raised or (turn and perf_counter() - start > turns.limit_s):
                break
            for key, value in self._turn(order if turn % 2 == 0 else order[::-1], each).items():
                seconds[key].append(value)
        self.rounds.wall_s = perf_counter() - start
        self.rounds.iterations, self.rounds.parts = each.iterations, each.parts
        if self.raised:
            self.rounds.base, self.rounds.candidate = [], []

    def _warm_up(self, iterations: int | None) -> Round:
        """Untimed rounds of each side: two, or only one where a call is long.

        The last shows what a round is to be like. It is the same for both sides, chosen by the
        slower one; where the benchmark itself says how many calls are timed at once, so many are.
        """
        order, once = list(self.processes), Round(iterations or 1, 1, timed=False)
        seconds = max(self._turn(order, once).values())
        if not self.raised and seconds * once.iterations < LONG_S:
            seconds = max(self._turn(order, once).values())
        chosen = round_for(seconds, iterations)
        if not self.raised and chosen.iterations > once.iterations:
            self._turn(order, Round(chosen.iterations, chosen.parts, timed=False))
        return chosen

    def _turn(self, order: list[str], each: Round) -> dict[str, float]:
        """Seconds per call of a round of each side, also where the first one raises."""
        return {key: self._round(key, each) for key in order}

    def _round(self, key: str, each: Round) -> float:
        process = self.processes[key]
        process.tell(do="round", iterations=each.iterations, parts=each.parts, timed=each.timed)
        message = process.hear("round", "raised", "died")
        if message["event"] != "round":
            self.raised[key] = message
            return math.nan
        # A clock that didn't move has no ratio to another; a nanosecond is its tick.
        return max(float(message["seconds"]), 1e-9)
