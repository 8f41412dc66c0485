"""What would decide the inconclusive benchmarks of a gate."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tlbench.stats.estimate import LOOKS

if TYPE_CHECKING:
    from tlbench.gate.verdict import Report


@dataclass(frozen=True)
class Advice:
    """What would decide benchmarks whose speed is inconclusive, if it is unchanged.

    Attributes:
        detectable: The smallest slowdown, as a share, that would have been detected: the least and
            the largest over the benchmarks.
        confidence: The lowest confidence of an interval, 0 to 1.
        by_budget: Number of benchmarks that a budget of about ``budget_s`` would decide.
        by_tolerance: Number of benchmarks that would take more pairs than a gate has; with the
            gate's most pairs, ``tolerance`` would decide them.
    """

    detectable: tuple[float, float] | None = None
    confidence: float = 1.0
    by_budget: int = 0
    budget_s: float = math.nan
    by_tolerance: int = 0
    tolerance: float = math.nan


def advice_on(report: Report) -> Advice:
    """For the benchmarks that a report calls inconclusive."""
    verdicts = [each for each in report.verdicts if each.status == "inconclusive"]
    sizes = [each.detectable for each in verdicts if each.detectable is not None]
    sizes = [size for size in sizes if math.isfinite(size)]
    needed = [
        (max(LOOKS[0].pairs, each.estimate.n + each.more), each.estimate.n, each.tolerance)
        for each in verdicts
        if each.more is not None and each.estimate
    ]
    most = LOOKS[-1].pairs
    soon = [report.seconds * pairs / max(1, ran) for pairs, ran, _ in needed if pairs <= most]
    late = [_tolerance(share, pairs / most) for pairs, _, share in needed if pairs > most]
    return Advice(
        (min(sizes), max(sizes)) if sizes else None,
        min((each.estimate.coverage for each in verdicts if each.estimate), default=1.0),
        len(soon),
        max(soon, default=math.nan),
        len(late),
        max(late, default=math.nan),
    )


def _tolerance(share: float, times: float) -> float:
    """The tolerance for which pairs are divided by ``times``: they grow with its inverse square."""
    return math.expm1(math.log1p(share) * math.sqrt(times))
