"""A ratio of seconds with its interval, and the levels that all gates share."""

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
