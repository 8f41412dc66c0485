"""The plan of a pair: calls per round, and turns, so that the budget has room for enough pairs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scipy import stats

from tlbench.stats.estimate import LEAST_TO_FAIL, LOOKS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tlbench.gate.pair_result import Pair, PairedRounds

#: A round of so many seconds needs no second warm-up.
LONG_S = 0.5
#: Least seconds of a part of a round, with several calls if necessary, and of a round. Parts are
#: shorter than a scheduler's time slice, so that most of them are undisturbed
#: (``bench.studies.pair_noise``).
PART_S, ROUND_S = 0.0005, 0.025
#: Parts of a round at most.
PARTS = 50
#: Turns in the first pair, which is the pilot, and at most in the others.
PILOT, MOST = 5, 25
#: Seconds that the pilot may take, whatever the budget is.
PILOT_S = 60.0
#: Least seconds of a benchmark's turns in a pair, if there is time.
TURNS_S = 0.4
#: Noise that a pair's own rounds may leave in its log-ratio, as a share of the tolerance. More
#: rounds would take longer and hardly help, because pairs differ from each other anyway.
SHARE = 0.5
#: Pairs for which the budget must have room before any benchmark gets more than one turn.
PAIRS_TO_FIT = 12
#: Variance of a median as a multiple of a mean's, for normal noise.
MEDIAN_VARIANCE = math.pi / 2


@dataclass(frozen=True)
class Round:
    """``parts`` of ``iterations`` calls each; its seconds are the lower decile of the parts."""

    iterations: int
    parts: int
    timed: bool = True


def round_for(seconds: float, iterations: int | None = None) -> Round:
    """A round that is long enough, if a call takes so many seconds.

    ``iterations`` is how many calls are timed together, if the benchmark itself sets this.
    """
    if math.isnan(seconds):
        return Round(iterations or 1, 1)
    calls = iterations or max(1, math.ceil(PART_S / seconds))
    parts = min(PARTS, max(1, math.ceil(ROUND_S / (calls * seconds))))
    return Round(calls, parts)


@dataclass(frozen=True)
class Turns:
    """The turns of a benchmark in a pair. A turn is one round of each side.

    Attributes:
        count: How many turns; 0 if the time for all benchmarks is up.
        limit_s: After so many seconds no further turn begins; the first one runs in any case.
        processors: Two on which both sides run at once, exchanged after each turn; none if the
            sides alternate.
        pilot: Whether both ways are tried, and the steadier one is kept.
    """

    count: int
    limit_s: float = math.inf
    processors: tuple[int, ...] = ()
    pilot: bool = False


@dataclass(frozen=True)
class Costs:
    """How long pairs take, from one that ran.

    Attributes:
        start_s: Seconds of start and end.
        overhead_s, turn_s: By benchmark, seconds outside its turns, and of one turn.
        wanted: By benchmark, turns that make their own noise small against the tolerance.
    """

    start_s: float
    overhead_s: dict[str, float]
    turn_s: dict[str, float]
    wanted: dict[str, int]

    def pair_s(self, turns: Mapping[str, int]) -> float:
        """Seconds that a pair with so many turns of these benchmarks takes."""
        each = (self.overhead_s[name] + self.turn_s[name] * count for name, count in turns.items())
        return self.start_s + sum(each)


def costs(pair: Pair, tolerances: Mapping[str, float]) -> Costs:
    """Of the benchmarks of a pair that have a tolerance."""
    timed = {name: each for name, each in pair.benchmarks.items() if name in tolerances}
    inside = sum(each.overhead_s + each.trial_s + each.wall_s for each in pair.benchmarks.values())
    return Costs(
        max(0.0, pair.seconds - inside) / pair.starts,
        {name: each.overhead_s for name, each in timed.items()},
        {name: each.wall_s / len(each.base) for name, each in timed.items()},
        {name: _wanted(each, tolerances[name]) for name, each in timed.items()},
    )


def plan_turns(costs: Costs, names: Iterable[str], left_s: float, pairs: int) -> dict[str, int]:
    """Turns of these benchmarks in the next pair, after ``pairs`` pairs.

    Each gets its wanted turns. If too few such pairs would fit into ``left_s`` seconds, all get
    fewer by the same factor, at least one.
    """
    wanted = {name: costs.wanted[name] for name in names}
    fixed_s = costs.pair_s(dict.fromkeys(wanted, 0))
    wanted_s = costs.pair_s(wanted) - fixed_s
    room_s = left_s / max(1, PAIRS_TO_FIT - pairs) - fixed_s
    scale = min(1.0, room_s / wanted_s) if wanted_s > 0 else 1.0
    return {name: max(1, math.floor(scale * count)) for name, count in wanted.items()}


@dataclass(frozen=True)
class Outlook:
    """How many pairs a budget has room for, and the budget that would have room for a verdict."""

    pairs: int
    budget_s: float

    @property
    def can_pass(self) -> bool:
        """Whether any benchmark can be decided."""
        return self.pairs >= LOOKS[0].pairs


def outlook(costs: Costs, pilot_s: float, budget_s: float) -> Outlook:
    """The outlook after the pilot, with the fewest turns possible."""
    least_s = costs.pair_s(dict.fromkeys(costs.wanted, 1))
    pairs = 1 + max(0, math.floor((budget_s - pilot_s) / least_s))
    enough_s = pilot_s + least_s * (LEAST_TO_FAIL - 1)
    return Outlook(min(LOOKS[-1].pairs, pairs), 1.25 * enough_s)


def spread(rounds: PairedRounds) -> float:
    """How much a benchmark's turns differ; exchanging the sides doesn't change it."""
    return float(stats.median_abs_deviation(rounds.log_ratios, scale="normal"))


def _wanted(rounds: PairedRounds, tolerance: float) -> int:
    allowed = SHARE * math.log1p(tolerance)
    # By the median deviation: otherwise one disturbed turn of the pilot would ask for far too many.
    sd = spread(rounds)
    quiet = math.ceil(MEDIAN_VARIANCE * (sd / allowed) ** 2)
    long_enough = math.ceil(TURNS_S * len(rounds.base) / max(rounds.wall_s, 1e-9))
    return min(MOST, max(quiet, min(long_enough, MOST), 3))
