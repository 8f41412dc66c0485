"""A run's plan, and how it is kept: each stage takes what the ones before it have left."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING

from tlbench.timing.budget import MOST_ROUNDS, StageCost, plan_rounds, planned_seconds

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


@dataclass
class Schedule:
    """Rounds by stage, adjusted as the run goes on so that its end stays where it was planned.

    Attributes:
        costs: What each stage is expected to take, in the order in which they run.
        rounds: Planned timed rounds of each.
        end: When the run is planned to end, in ``clock``'s seconds; None keeps ``rounds``.
        clock: Monotonic seconds.
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
        """Expect of the later stages that run the network what this one took.

        Args:
            name: The stage that was measured.
            seconds: Its timed rounds.
        """
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
    """Plan the stages into what a budget has left.

    Args:
        costs: What each stage is expected to take, in the order in which they run.
        budget_s: Seconds for the whole run from ``started``; None takes the usual rounds.
        started: When the run began, in ``clock``'s seconds.
        clock: Monotonic seconds.
    """
    now = clock()
    left = None if budget_s is None else budget_s - (now - started)
    rounds = plan_rounds(costs, left)
    end = None if left is None else now + planned_seconds(costs, rounds)
    return Schedule(costs, rounds, end, clock)
