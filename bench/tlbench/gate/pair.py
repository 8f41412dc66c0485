"""A process pair: both sides alive at once, taking turns round by round, as many as planned."""

from __future__ import annotations

import math
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

from scipy import stats

from tlbench.gate.pair_result import BASE, CANDIDATE, BenchmarkOutcome, PairedRounds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tlbench.gate.arm_process import ArmProcess

    #: Processes that have collected, by side, in the order of the first turn.
    Processes = Mapping[str, ArmProcess]

#: A round of so many seconds warms up by itself.
LONG_S = 0.5
#: Turns in the first pair, which is the pilot, and at least and at most in the others.
PILOT, LEAST, MOST = 5, 3, 25
#: Seconds that a round takes at least, with several calls if need be.
ROUND_S = 0.05
#: Noise that a pair's own rounds may leave in its log-ratio, as a share of the tolerance. More
#: rounds would make a pair dearer and, beside what differs from pair to pair, hardly better.
SHARE = 0.5
#: Pairs that must fit into the budget: fewer can't detect anything.
PAIRS_TO_FIT = 10
#: Variance of a median as a multiple of a mean's, for normal noise.
MEDIAN_VARIANCE = math.pi / 2


@dataclass(frozen=True)
class Benchmarks:
    """Ids of benchmarks that both sides have, only the base, only the candidate; in its order.

    With the arguments of the candidate's markers ``tolerance``, by id.
    """

    both: tuple[str, ...]
    vanished: tuple[str, ...]
    new: tuple[str, ...]
    tolerances: dict[str, dict[str, Any]]


def collect(processes: Processes, leave_out: frozenset[str]) -> Benchmarks:
    """Ask both sides for their benchmarks, and make them run those of both, but these ids."""
    old, new = (processes[key].hear("collected")["tolerances"] for key in (BASE, CANDIDATE))
    both = [name for name in new if name in old and name not in leave_out]
    for process in processes.values():
        process.tell(run=both)
    return Benchmarks(
        tuple(both),
        tuple(name for name in old if name not in new),
        tuple(name for name in new if name not in old),
        {name: new[name] for name in new if name in old},
    )


def time_benchmark(processes: Processes, turns: int) -> PairedRounds:
    """Run the next benchmark in both processes, turn by turn; who begins alternates."""
    messages = {key: process.hear("ready", "done") for key, process in processes.items()}
    ready = [key for key, message in messages.items() if message["event"] == "ready"]
    both = len(ready) == len(processes)
    rounds = PairedRounds()
    if both:
        rounds.iterations = _warm_up(processes, messages[CANDIDATE]["iterations"])
        seconds: dict[str, list[float]] = {BASE: rounds.base, CANDIDATE: rounds.candidate}
        order, start = list(processes), perf_counter()
        for turn in range(turns):
            for key in order if turn % 2 == 0 else order[::-1]:
                seconds[key].append(_round(processes[key], rounds.iterations, timed=True))
        rounds.wall_s = perf_counter() - start
    for key in ready:
        processes[key].tell(do="finish" if both else "skip")
        messages[key] = processes[key].hear("done")
    for key, end in messages.items():
        outcome = "stopped" if key in ready and not both else end["outcome"]
        rounds.outcomes[key] = BenchmarkOutcome(outcome, end["message"], end["info"])
    return rounds


def _warm_up(processes: Processes, iterations: int | None) -> int:
    """Untimed rounds of each side: two, or only one where a round is long.

    The last shows how many calls make a round long enough. Both sides run as many, chosen by the
    slower one, unless the benchmark itself says how many.
    """
    calls = iterations or 1
    seconds = [_round(each, calls, timed=False) for each in processes.values()]
    if max(seconds) * calls < LONG_S:
        seconds = [_round(each, calls, timed=False) for each in processes.values()]
    if iterations is not None:
        return iterations
    calls = iterations_for(max(seconds))
    for each in processes.values() if calls > 1 else ():
        _round(each, calls, timed=False)
    return calls


def _round(process: ArmProcess, iterations: int, *, timed: bool) -> float:
    process.tell(do="round", iterations=iterations, timed=timed)
    seconds: float = process.hear("round")["seconds"]
    # A clock that didn't move has no ratio to another; a nanosecond is its tick.
    return max(seconds, 1e-9)


@dataclass(frozen=True)
class RoundPlan:
    """Turns of each benchmark in a pair, and the seconds that a pair is expected to take."""

    rounds: dict[str, int]
    pair_s: float


def iterations_for(seconds: float) -> int:
    """Calls that make a round long enough, given the seconds of one."""
    return max(1, math.ceil(ROUND_S / seconds)) if seconds < ROUND_S else 1


def plan_rounds(
    pilot: Mapping[str, PairedRounds],
    pilot_s: float,
    budget_s: float,
    tolerances: Mapping[str, float],
) -> RoundPlan:
    """From the first pair: as many turns as make their own noise small against the tolerance.

    Where too few such pairs would fit into the budget of all pairs, every benchmark gets fewer
    turns, by the same factor.
    """
    wanted = {name: _wanted(each, tolerances[name]) for name, each in pilot.items()}
    turn_s = {name: each.wall_s / len(each.base) for name, each in pilot.items()}
    fixed_s = pilot_s - sum(each.wall_s for each in pilot.values())
    wanted_s = sum(turn_s[name] * count for name, count in wanted.items())
    left_s = budget_s / PAIRS_TO_FIT - fixed_s
    scale = min(1.0, left_s / wanted_s) if wanted_s > 0 else 1.0
    rounds = {name: max(LEAST, math.floor(scale * count)) for name, count in wanted.items()}
    return RoundPlan(rounds, fixed_s + sum(turn_s[name] * n for name, n in rounds.items()))


def _wanted(rounds: PairedRounds, tolerance: float) -> int:
    allowed = SHARE * math.log1p(tolerance)
    # By the median deviation: one disturbed turn of the pilot's would ask for far too many.
    sd = float(stats.median_abs_deviation(rounds.log_ratios, scale="normal"))
    return min(MOST, max(LEAST, math.ceil(MEDIAN_VARIANCE * (sd / allowed) ** 2)))
