"""How many rounds fit into the time that a run may take; each stage takes what others have left."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: More rounds than this say little more, and their interval is narrow.
MOST_ROUNDS = 40


@dataclass(frozen=True)
class StageCost:
    """What a stage is expected to take.

    Attributes:
        round_s: Seconds of a timed round, with what comes untimed before it.
        fixed_s: Seconds of its checks and warm-up.
        overhead_s: Of a round's seconds, those that aren't timed.
        least, usual: Rounds with a budget at least, and without one.
        runs_network: Whether it takes as much longer than expected as other such stages did.
    """

    round_s: float
    fixed_s: float = 0.0
    overhead_s: float = 0.0
    least: int = 1
    usual: int = 1
    runs_network: bool = False

    def at_pace(self, pace: float) -> StageCost:
        """The same where the network turned out to take ``pace`` times what was expected."""
        if not self.runs_network:
            return self
        timed_s = self.round_s - self.overhead_s
        return replace(self, round_s=self.overhead_s + pace * timed_s, fixed_s=pace * self.fixed_s)


def plan_rounds(costs: Mapping[str, StageCost], budget_s: float | None) -> dict[str, int]:
    """Timed rounds by stage.

    Without a budget every stage takes its usual rounds. With one, in seconds for all of them, every
    stage has its least; what is left goes round by round to the stage that has spent the least on
    rounds so far, so that quick stages get many and slow ones a few, until nothing more fits.
    """
    if budget_s is None:
        return {name: cost.usual for name, cost in costs.items()}
    rounds = {name: cost.least for name, cost in costs.items()}
    left = budget_s - planned_seconds(costs, rounds)
    while fitting := [
        name for name, cost in costs.items() if cost.round_s <= left and rounds[name] < MOST_ROUNDS
    ]:
        cheapest = min(fitting, key=lambda name: (rounds[name] + 1) * costs[name].round_s)
        rounds[cheapest] += 1
        left -= costs[cheapest].round_s
    return rounds


def planned_seconds(costs: Mapping[str, StageCost], rounds: Mapping[str, int]) -> float:
    """Seconds that all stages take with these rounds."""
    return sum(cost.fixed_s + rounds[name] * cost.round_s for name, cost in costs.items())


@dataclass
class Schedule:
    """Rounds by stage, adjusted during the run so that it ends when it was planned to.

    Attributes:
        costs: What each stage is expected to take, in the order in which they run.
        rounds: Planned timed rounds of each.
        end: When the run is planned to end, in ``clock``'s seconds; None keeps ``rounds``.
        pace: Seconds that the network took, as a multiple of those expected, in the last stage.
    """

    costs: Mapping[str, StageCost]
    rounds: Mapping[str, int]
    end: float | None
    clock: Callable[[], float]
    pace: float = 1.0
    _over: set[str] = field(default_factory=set)

    def rounds_for(self, name: str) -> Callable[[float], int]:
        """For ``measure``: from the seconds of the last warm-up to the number of timed rounds.

        0 seconds means that no warm-up was as long as a round: then the expected cost counts.
        """

        def rounds(warm_s: float) -> int:
            self._over.add(name)
            if self.end is None:
                return self.rounds[name]
            cost = self.costs[name].at_pace(self.pace)
            round_s = warm_s + cost.overhead_s if warm_s else cost.round_s
            later = {
                key: cost.at_pace(self.pace)
                for key, cost in self.costs.items()
                if key not in self._over
            }
            left = self.end - self.clock() - planned_seconds(later, self.rounds)
            fitting = math.floor(left / round_s) if round_s > 0 else MOST_ROUNDS
            # Twice the plan's most: a machine that is faster than its pilot has time to fill.
            return max(cost.least, min(fitting, 2 * MOST_ROUNDS))

        return rounds

    def learn(self, name: str, seconds: Sequence[float]) -> None:
        """Expect of the later stages that run the network what this one's timed rounds took."""
        cost = self.costs[name]
        if cost.runs_network:
            self.pace = median(seconds) / (cost.round_s - cost.overhead_s)


def make_schedule(
    costs: Mapping[str, StageCost],
    *,
    budget_s: float | None,
    started: float,
    clock: Callable[[], float],
) -> Schedule:
    """Plan the stages, in the order in which they run, into what a budget has left.

    The budget is for the whole run since ``started``, in ``clock``'s seconds; None: usual rounds.
    """
    now = clock()
    left = None if budget_s is None else budget_s - (now - started)
    rounds = plan_rounds(costs, left)
    # A plan can be longer than the budget because the pilot was slow: its time isn't filled.
    end = None if left is None else now + min(left, planned_seconds(costs, rounds))
    return Schedule(costs, rounds, end, clock)
