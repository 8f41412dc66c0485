"""What a series of rounds says: its middle, how sure that is, whether it was steady.

Pure functions on seconds; nothing here measures.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations
from statistics import median, quantiles
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

#: Nominal confidence of the median's interval.
CONFIDENCE = 0.95
#: A warm-up round that is faster than this share of the best before it still gets faster.
CONVERGED = 1 / 1.05
#: Change over all rounds, as a share of the median, from which a trend matters.
DRIFT = 0.05
#: Two-sided p below which rounds are said to have a trend; 5 rounds in order have 0.0167.
TREND_P = 0.05
#: Interquartile range, as a share of the median, from which rounds are called noisy.
NOISY = 0.10


@dataclass(frozen=True)
class Interval:
    """A distribution-free interval of the median, between two of the rounds.

    ``coverage`` is the confidence that it really has; few rounds can't have 95 %.
    """

    low: float
    high: float
    coverage: float


@dataclass(frozen=True)
class Trend:
    """Whether rounds got slower or faster in their order.

    Attributes:
        change: Theil-Sen slope times the number of steps, as a share of the median.
        p: Two-sided p of Kendall's rank correlation with the order, exact.
    """

    change: float
    p: float


def median_interval(values: Sequence[float], confidence: float = CONFIDENCE) -> Interval | None:
    """The interval of the median between order statistics, by the binomial distribution.

    The narrowest symmetric pair of order statistics with at least ``confidence``; where even the
    extremes have less, the extremes and what they have. One round has no interval.

    Source: David and Nagaraja, Order Statistics, 3rd edition, section 7.1.
    """
    n, ordered = len(values), sorted(values)
    if n < 2:
        return None
    best = Interval(ordered[0], ordered[-1], 1 - 2 * 0.5**n)
    for k in range(1, n // 2):
        outside = sum(math.comb(n, i) for i in range(k + 1)) / 2**n
        if 1 - 2 * outside < confidence:
            break
        best = Interval(ordered[k], ordered[n - 1 - k], 1 - 2 * outside)
    return best


def spread(values: Sequence[float]) -> float | None:
    """Interquartile range as a share of the median; None for fewer than 3 rounds."""
    if len(values) < 3:
        return None
    low, middle, high = quantiles(values, n=4, method="inclusive")
    return (high - low) / middle


def trend(values: Sequence[float]) -> Trend | None:
    """Theil-Sen change over the series and Kendall's exact p; None for fewer than 4 rounds."""
    n = len(values)
    if n < 4:
        return None
    pairs = list(combinations(range(n), 2))
    slope = median((values[j] - values[i]) / (j - i) for i, j in pairs)
    discordant = sum(values[j] < values[i] for i, j in pairs)
    ties = sum(values[j] == values[i] for i, j in pairs)
    change = slope * (n - 1) / median(values)
    return Trend(change, _kendall_p(n, discordant + ties / 2))


def converged(seconds_per_image: Sequence[float]) -> bool:
    """Whether warm-up is over: its rounds don't get faster any more.

    Either the last two took as long as each other, within 5 %; or, where rounds differ by more
    than that, neither of the last two was faster than the best before it by as much. Noise does
    that soon, since a round is seldom a record; a trend of more than 5 % a round never does.
    """
    if len(seconds_per_image) < 2:
        return False
    *earlier, before, last = seconds_per_image
    if min(last, before) >= CONVERGED * max(last, before):
        return True
    return bool(earlier) and min(last, before) >= CONVERGED * min(earlier)


def _kendall_p(n: int, discordant: float) -> float:
    """Two-sided p of a number of discordant pairs, by counting permutations (Mahonian numbers)."""
    counts = [1]
    for size in range(2, n + 1):
        wider = [0] * (len(counts) + size - 1)
        for i, count in enumerate(counts):
            for j in range(size):
                wider[i + j] += count
        counts = wider
    extreme = min(discordant, len(counts) - 1 - discordant)
    tail = sum(counts[: math.floor(extreme) + 1])
    return min(1.0, 2 * tail / math.factorial(n))
