"""A process pair: both sides are alive at once, and their rounds alternate or run at once."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

from tlbench.gate.collected import collect
from tlbench.gate.pair_result import BASE, CANDIDATE, BenchmarkOutcome, PairedRounds
from tlbench.gate.plan import LONG_S, Round, Turns, round_for, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from tlbench.gate.collected import Benchmarks, Fatal, Processes

    Messages = dict[str, dict[str, Any]]


#: What a process may send when a benchmark is due.
BEGINNINGS = ("ready", "done", "died", "finished")
#: A side that doesn't end is broken only if the other side took at most this share of the limit.
CLEARLY = 1 / 3


def time_benchmarks(
    start: Callable[[Fatal], AbstractContextManager[Processes]],
    wanted: Callable[[str], bool],
    turns: Callable[[str, int], Turns],
    step: Callable[[str, int, Sequence[str]], None],
) -> tuple[Benchmarks, dict[str, PairedRounds]]:
    """Run all wanted benchmarks; if a process dies, two new ones continue with the others.

    Args:
        start: Starts both processes without these files, and ends them after the block.
        wanted: Whether a benchmark of this id is run.
        turns: The turns of a benchmark, by its id and the number of benchmarks.
        step: Called with a benchmark that begins, how many are done, and all of them.

    Raises:
        InputError: An argument of pytest that names nothing in either side.
        ArmDied: A process ended before it had collected its benchmarks.
    """
    first: Benchmarks | None = None
    timed: dict[str, PairedRounds] = {}
    fatal: Fatal = {BASE: {}, CANDIDATE: {}}
    for starts in itertools.count(1):
        with start(fatal) as processes:
            there = collect(processes, lambda name: wanted(name) and name not in timed, fatal)
            if there is None:
                continue
            first = first or there
            for name in there.both:
                step(name, len(timed), first.both)
                allowed = turns(name, len(first.both))
                rounds, alive = time_benchmark(processes, allowed)
                # If it didn't begin, earlier ones may be the cause: new processes begin with it.
                if name == there.both[0] or _began(rounds):
                    timed[name] = rounds
                if not alive:
                    break
            else:
                ends = {key: each.hear("finished", "died") for key, each in processes.items()}
                loaded = {key: end.get("loaded", {}) for key, end in ends.items()}
                return replace(first, loaded=loaded, starts=starts), timed
    raise AssertionError  # it counts for ever


def _began(rounds: PairedRounds) -> bool:
    outcomes = {end.outcome for end in rounds.outcomes.values()}
    return "ended" not in outcomes and outcomes != {"died", "stopped"}


def time_benchmark(processes: Processes, turns: Turns) -> tuple[PairedRounds, bool]:
    """Run the next benchmark in both processes, turn by turn; the side that begins alternates.

    Returns:
        The rounds, and whether both processes can continue.
    """
    start = perf_counter()
    messages = {key: process.hear(*BEGINNINGS) for key, process in processes.items()}
    ready = [key for key, message in messages.items() if message["event"] == "ready"]
    rounds, raised = PairedRounds(), {}
    if len(ready) == len(processes) and turns.count:
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
    stopped = ready if len(ready) < len(processes) or not turns.count else []
    rounds.outcomes.update(
        {key: _outcome(messages[key], raised.get(key), key in stopped) for key in messages}
    )
    if len(ready) == len(processes) and not turns.count:
        rounds.outcomes.update(dict.fromkeys(ready, BenchmarkOutcome("unreached")))
    _excuse(processes, messages, rounds.outcomes)
    rounds.overhead_s = perf_counter() - start - rounds.wall_s - rounds.trial_s
    alive = all(end["event"] == "done" and not end["ends"] for end in messages.values())
    return rounds, alive


def _outcome(
    message: dict[str, Any],
    raised: dict[str, Any] | None,
    stopped: bool,  # noqa: FBT001
) -> BenchmarkOutcome:
    if message["event"] == "died":
        return BenchmarkOutcome(message["outcome"], message["message"])
    if message["event"] == "finished":
        return BenchmarkOutcome("ended", "pytest ended before this benchmark")
    outcome = "stopped" if stopped else message["outcome"]
    error = raised["message"] if raised else ""
    return BenchmarkOutcome(outcome, message["message"], message["info"], error)


def _excuse(
    processes: Processes, messages: Messages, outcomes: dict[str, BenchmarkOutcome]
) -> None:
    """Call a side ``too long``, not ``hung``, if the other side also took long."""
    for key, message in messages.items():
        if silent := message.get("silent"):
            (other,) = processes.keys() - {key}
            if processes[other].took_s[silent] > CLEARLY * processes[key].limits[silent]:
                outcomes[key] = BenchmarkOutcome("too long", message["message"])


@dataclass
class _Timing:
    """The rounds of one benchmark in both processes.

    ``raised`` has the messages of sides whose function raised, or whose process died. ``alone`` is
    whether each side had one thread, and no child process worked.
    """

    processes: Processes
    rounds: PairedRounds
    raised: Messages
    alone: bool = True

    def run(self, turns: Turns, iterations: int | None) -> None:
        """Warm up, then time the turns; if a side raises, drop the times and stop."""
        each = self._warm_up(iterations)
        self.rounds.iterations, self.rounds.parts = each.iterations, each.parts
        if not turns.pilot:
            self._take(self.rounds, turns, each)
        elif self.alone and turns.processors:
            self._try_both(turns, each)
        else:
            self._take(self.rounds, replace(turns, processors=()), each)
        if self.raised:
            self.rounds.base, self.rounds.candidate = [], []

    def _try_both(self, turns: Turns, each: Round) -> None:
        """Time in both ways, and keep the one whose turns differ less, whichever side is slower."""
        ways = (turns, replace(turns, processors=()))
        tried = [PairedRounds() for _ in ways]
        for rounds, way in zip(tried, ways, strict=True):
            self._take(rounds, way, each)
        if self.raised:
            return
        best, other = sorted(tried, key=spread)
        self.rounds.trial_s = other.wall_s
        self.rounds.base, self.rounds.candidate = best.base, best.candidate
        self.rounds.wall_s, self.rounds.duet = best.wall_s, best.duet

    def _take(self, rounds: PairedRounds, turns: Turns, each: Round) -> None:
        order, start = list(self.processes), perf_counter()
        seconds = {BASE: rounds.base, CANDIDATE: rounds.candidate}
        rounds.duet = bool(turns.processors)
        for turn in range(turns.count):
            if self.raised or (turn and perf_counter() - start > turns.limit_s):
                break
            step = 1 if turn % 2 == 0 else -1
            ends = (
                self._duet(order, turns.processors[::step], each)
                if turns.processors
                else self._turn(order[::step], each)
            )
            for key, value in ends.items():
                seconds[key].append(value)
        rounds.wall_s = perf_counter() - start

    def _warm_up(self, iterations: int | None) -> Round:
        """Run untimed rounds of each side: two of one call, one if that is long; then a whole one.

        The slower side determines the round, which is the same for both. If the benchmark itself
        sets how many calls are timed together, a round has parts of so many.
        """
        order, once = list(self.processes), Round(iterations or 1, 1, timed=False)
        seconds = max(self._turn(order, once).values())
        if not self.raised and seconds * once.iterations < LONG_S:
            seconds = max(self._turn(order, once).values())
        chosen = round_for(seconds, iterations)
        if not self.raised and chosen.iterations > once.iterations:
            # The time of a single short call is mostly that of reading the clock.
            whole = Round(chosen.iterations, chosen.parts, timed=False)
            chosen = round_for(max(self._turn(order, whole).values()), iterations)
        return chosen

    def _turn(self, order: list[str], each: Round) -> dict[str, float]:
        """Seconds per call of a round of each side, also if the first side raises."""
        seconds = {}
        for key in order:
            self._tell(key, each)
            seconds[key] = self._hear(key)
        return seconds

    def _duet(self, order: list[str], processors: Sequence[int], each: Round) -> dict[str, float]:
        """The same for rounds that run at once."""
        for key, processor in zip(order, processors, strict=True):
            self._tell(key, each, processor=processor)
        return {key: self._hear(key) for key in order}

    def _tell(self, key: str, each: Round, **more: int) -> None:
        self.processes[key].tell(
            do="round", iterations=each.iterations, parts=each.parts, timed=each.timed, **more
        )

    def _hear(self, key: str) -> float:
        message = self.processes[key].hear("round", "raised", "died")
        if message["event"] != "round":
            self.raised[key] = message
            return math.nan
        self.alone = self.alone and message["alone"]
        # No ratio exists for 0 seconds; the clock's resolution is a nanosecond.
        return max(float(message["seconds"]), 1e-9)
