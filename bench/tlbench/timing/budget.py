"""How many rounds fit into the time that a run may take."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: More rounds than this say little more, and their interval is narrow.
MOST_ROUNDS = 40


@dataclass(frozen=True)
class StageCost:
    """What a stage is expected to take.

    Attributes:
        round_s: Seconds of a timed round, with what comes untimed before it.
        fixed_s: Seconds of its checks and warm-up.
        overhead_s: Of a round's seconds, those that aren't timed.
        least: Rounds that it needs at least.
        usual: Rounds that it takes where no budget was given.
        runs_network: Whether it takes as much longer than expected as other such stages did.
    """

    round_s: float
    fixed_s: float = 0.0
    overhead_s: float = 0.0
    least: int = 1
    usual: int = 1
    runs_network: bool = False

    def seconds(self, rounds: int) -> float:
        """Seconds of the whole stage."""
        return self.fixed_s + rounds * self.round_s

    def at_pace(self, pace: float) -> StageCost:
        """The same where the network turned out to take ``pace`` times what was expected."""
        if not self.runs_network:
            return self
        timed_s = self.round_s - self.overhead_s
        return replace(self, round_s=self.overhead_s + pace * timed_s, fixed_s=pace * self.fixed_s)


def plan_rounds(costs: Mapping[str, StageCost], budget_s: float | None) -> dict[str, int]:
    """Timed rounds by stage.

    Without a budget every stage takes its usual rounds. With one, every stage has its least; what
    is left goes round by round to the stage that has spent the least on rounds so far, so that
    quick stages get many rounds and slow ones a few, until nothing more fits.

    Args:
        costs: What each stage is expected to take.
        budget_s: Seconds for all of them, or None.
    """
    if budget_s is None:
        return {name: cost.usual for name, cost in costs.items()}
    rounds = {name: cost.least for name, cost in costs.items()}
    left = budget_s - planned_seconds(costs, rounds)
    while True:
        fitting = [
            name
            for name, cost in costs.items()
            if cost.round_s <= left and rounds[name] < MOST_ROUNDS
        ]
        if not fitting:
            return rounds
        cheapest = min(fitting, key=lambda name: (rounds[name] + 1) * costs[name].round_s)
        rounds[cheapest] += 1
        left -= costs[cheapest].round_s


def planned_seconds(costs: Mapping[str, StageCost], rounds: Mapping[str, int]) -> float:
    """Seconds that all stages take with these rounds."""
    return sum(cost.seconds(rounds[name]) for name, cost in costs.items())
