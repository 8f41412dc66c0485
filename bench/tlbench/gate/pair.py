"""A process pair: both arms alive at once, taking turns round by round."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from tlbench.gate.round_plan import iterations_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tlbench.gate.arm_process import ArmProcess

#: A round of so many seconds warms up by itself.
LONG_S = 0.5


@dataclass(frozen=True)
class Outcome:
    """How one arm's benchmark test ended.

    Attributes:
        outcome: ``passed``, ``failed``, ``skipped``, or ``stopped`` as the other arm didn't come
            as far.
        message: Why it didn't pass, in a line.
        info: Its ``extra_info``, without what is long.
    """

    outcome: str
    message: str
    info: dict[str, Any]


@dataclass
class Timed:
    """One benchmark in one pair.

    Attributes:
        base, head: Seconds of an iteration, turn by turn; empty where it wasn't timed.
        iterations: Calls in a round.
        wall_s: Seconds of all turns, with what benchmarks do untimed between rounds.
        outcomes: By arm, ``base`` and ``head``.
    """

    base: list[float] = field(default_factory=list)
    head: list[float] = field(default_factory=list)
    iterations: int = 1
    wall_s: float = 0.0
    outcomes: dict[str, Outcome] = field(default_factory=dict)

    @property
    def turns(self) -> list[float]:
        """log(head / base) of each turn, whose two rounds ran one after the other."""
        return [math.log(h / b) for b, h in zip(self.base, self.head, strict=True)]

    @property
    def log_ratio(self) -> float:
        """The pair's evidence: the middle of its turns."""
        return median(self.turns)


@dataclass(frozen=True)
class Collected:
    """Which benchmarks two arms have.

    Attributes:
        both: Ids that are timed, in the head's order.
        vanished: Only the base has them.
        new: Only the head has them.
        tolerances: What the head's markers say, by id.
    """

    both: tuple[str, ...]
    vanished: tuple[str, ...]
    new: tuple[str, ...]
    tolerances: dict[str, dict[str, Any]]


def collect(base: ArmProcess, head: ArmProcess, leave_out: frozenset[str]) -> Collected:
    """Hear which benchmarks the arms have, and tell them to run those of both.

    Args:
        base: Started process.
        head: As ``base``.
        leave_out: Ids that aren't run, such as those that failed before.
    """
    old, new = (arm.hear("collected")["tolerances"] for arm in (base, head))
    both = [name for name in new if name in old and name not in leave_out]
    for arm in (base, head):
        arm.tell(run=both)
    return Collected(
        tuple(both),
        tuple(name for name in old if name not in new),
        tuple(name for name in new if name not in old),
        {name: new[name] for name in new if name in old},
    )


def time_pair(
    base: ArmProcess,
    head: ArmProcess,
    collected: Collected,
    rounds: Mapping[str, int],
    *,
    head_first: bool,
) -> dict[str, Timed]:
    """Run each benchmark in both processes, turn by turn.

    Args:
        base: Process that has collected.
        head: As ``base``.
        collected: Of them.
        rounds: Turns of each benchmark.
        head_first: Whether the head begins the first turn, as the coin said; turns alternate.
    """
    return {
        name: _time_benchmark(base, head, rounds[name], head_first=head_first)
        for name in collected.both
    }


def _time_benchmark(base: ArmProcess, head: ArmProcess, rounds: int, *, head_first: bool) -> Timed:
    arms = {"base": base, "head": head}
    heard = {key: arm.hear_any() for key, arm in arms.items()}
    ready = [key for key, message in heard.items() if message["event"] == "ready"]
    timed = Timed()
    if len(ready) == len(arms):
        order = ("head", "base") if head_first else ("base", "head")
        timed.iterations = _warm_up(arms, order, heard["head"]["iterations"])
        start = perf_counter()
        for turn in range(rounds):
            for key in order if turn % 2 == 0 else order[::-1]:
                getattr(timed, key).append(_round(arms[key], timed.iterations, timed=True))
        timed.wall_s = perf_counter() - start
    for key in ready:
        arms[key].tell(do="finish" if len(ready) == len(arms) else "skip")
        heard[key] = arms[key].hear("done")
    for key, end in heard.items():
        stopped = key in ready and len(ready) < len(arms)
        outcome = "stopped" if stopped else end["outcome"]
        timed.outcomes[key] = Outcome(outcome, end["message"], end["info"])
    return timed


def _warm_up(arms: Mapping[str, ArmProcess], order: tuple[str, ...], asked: int | None) -> int:
    """Untimed rounds of each arm: two, or only one where a round is long.

    The last shows how many calls make a round long enough. Both arms run as many, chosen by the
    slower one; a benchmark that says itself how many calls a round has keeps that.
    """
    calls = asked or 1
    seconds = [_round(arms[key], calls, timed=False) for key in order]
    if max(seconds) * calls < LONG_S:
        seconds = [_round(arms[key], calls, timed=False) for key in order]
    if asked is not None:
        return asked
    iterations = iterations_for(max(seconds))
    for key in order if iterations > 1 else ():
        _round(arms[key], iterations, timed=False)
    return iterations


def _round(arm: ArmProcess, iterations: int, *, timed: bool) -> float:
    arm.tell(do="round", iterations=iterations, timed=timed)
    seconds: float = arm.hear("round")["seconds"]
    # A clock that didn't move has no ratio to another; a nanosecond is its tick.
    return max(seconds, 1e-9)
