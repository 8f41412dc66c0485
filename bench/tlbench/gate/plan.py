"""What a pair times: calls of a round, turns of a pair, pairs of a gate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tlbench.gate.pair_result import PairedRounds

#: A round of so many seconds warms up by itself.
LONG_S = 0.5
#: Turns in the first pair, which is the pilot, and at least and at most in the others.
PILOT, LEAST, MOST = 5, 3, 25
#: Seconds that a part of a round takes at least, with several calls if need be, and a round.
PART_S, ROUND_S = 0.002, 0.05
#: Parts of a round at most.
PARTS = 25
#: Noise that a pair's own rounds may leave in its log-ratio, as a share of the tolerance. More
#: rounds would make a pair dearer and, beside what differs from pair to pair, hardly better.
SHARE = 0.5
#: Pairs that must fit into the budget: fewer can't detect anything.
PAIRS_TO_FIT = 10
#: Variance of a median as a multiple of a mean's, for normal noise.
MEDIAN_VARIANCE = math.pi / 2


@dataclass(frozen=True)
class Round:
    """So many parts of so many calls; its seconds are the median of the parts."""

    iterations: int
    parts: int
    timed: bool = True


def round_for(seconds: float, iterations: int | None = None) -> Round:
    """A round that is long enough, given the seconds of a call.

    ``iterations`` is how many calls the benchmark itself wants to be timed at once.
    """
    if math.isnan(seconds):
        return Round(iterations or 1, 1)
    calls = iterations or max(1, math.ceil(PART_S / seconds))
    parts = min(PARTS, max(1, math.ceil(ROUND_S / (calls * seconds))))
    return Round(calls, parts)


@dataclass(frozen=True)
class RoundPlan:
    """Turns of each benchmark in a pair, and the seconds that a pair is expected to take."""

    rounds: dict[str, int]
    pair_s: float


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
