"""A ratio of seconds with its interval, levels that gates share, and when they look at pairs."""

from __future__ import annotations

from dataclasses import dataclass

#: One-sided level of each end of an interval that is shown: together 95 %.
SHOWN = 0.025
#: Chance of any false alarm in a whole gate.
ALARM = 0.01
#: Chance that a benchmark passes although it is slower by its tolerance.
MISS = 0.05
#: Chance with which a slowdown that is called detectable would have been detected.
POWER = 0.9


@dataclass(frozen=True)
class Estimate:
    """How much slower the candidate is, and how sure that is.

    Attributes:
        ratio: The candidate's seconds to the base's; above 1 is slower.
        coverage: The confidence of the interval from ``low`` to ``high``, 0 to 1.
        n: Independent pieces of evidence: process pairs, or the baseline's runs.
        p: Chance of evidence as strong for a slowdown if nothing had changed, over all
            benchmarks; None where that wasn't tested.
    """

    ratio: float
    low: float
    high: float
    coverage: float
    n: int
    p: float | None = None


@dataclass(frozen=True)
class Look:
    """A look at the evidence.

    Attributes:
        pairs: After so many process pairs.
        alarm: Largest p of a slowdown that fails here, adjusted for all benchmarks.
        miss: Level of the upper bound that must be below the tolerance to pass here.
    """

    pairs: int
    alarm: float
    miss: float


#: All looks together have at most ``ALARM`` chance of a false alarm in any benchmark, and each
#: benchmark at most ``MISS`` of passing a slowdown as large as its tolerance: the levels are simply
#: added up (Bonferroni), so neither looking often nor stopping early costs validity.
#: Fewer than ten pairs can pass but not fail: one outcome of eight signs has 1/256, which would
#: leave too little for the later looks, where small slowdowns are found.
LOOKS = (
    Look(6, 0.0, 1 / 64),
    Look(8, 0.0, 2 / 256),
    Look(10, 2 / 1024, 5 / 1024),
    Look(12, 5 / 4096, 15 / 4096),
    Look(14, 0.001, 0.003),
    Look(16, 0.001, 0.003),
    Look(20, 0.001, 0.003),
    Look(24, 0.001, 0.003),
    Look(32, 0.001, 0.003),
    Look(40, 0.0006, 0.001),
    Look(48, 0.0006, 0.001),
    Look(64, 0.0006, 0.001),
)
#: Pairs that a fail takes at least, where they are the last ones; see ``look_at``.
LEAST_TO_FAIL = 9


def look_at(pairs: int, *, last: bool = False) -> Look | None:
    """The look that is due after so many pairs.

    Where they are the last, as time is up, the levels of the look that would have been next are
    spent now. When time ends doesn't depend on who is slower.
    """
    for look in LOOKS:
        if pairs == look.pairs or (last and LOOKS[0].pairs <= pairs < look.pairs):
            return Look(pairs, look.alarm, look.miss)
    return None
