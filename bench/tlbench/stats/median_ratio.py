"""The ratio of one side's rates to the median of several others', with interval and p-value."""

from __future__ import annotations

import math
from statistics import fmean, median
from typing import TYPE_CHECKING

from scipy.special import ndtr, ndtri, stdtr, stdtrit  # scipy.stats takes too long to import

from tlbench.stats.ratios import CONFIDENCE, RUN_SD, Ratio, ratio

if TYPE_CHECKING:
    from collections.abc import Sequence


def ratio_to_median(others: Sequence[Sequence[float]], own: Sequence[float]) -> Ratio:
    """Compare a side with the median of others, by the rates of their runs, all above 0.

    The median is of the others' geometric means: a few of them that are far off hardly move it.
    With one other side this is ``ratio``. With at least two runs per side by Student's t on the
    logarithms of the rates: the scatter is that of all sides together, or the side's own where that
    is larger, so that a side isn't called slower for its noise. With fewer runs, a run is taken to
    scatter by ``RUN_SD``, and the normal distribution to hold.

    Args:
        others: Rates of the runs of each other side.
        own: Rates of the side that is judged.

    Raises:
        ValueError: No other side, or a side without runs.
    """
    if not others or not own or not all(others):
        raise ValueError("expected at least one other side, and at least one run per side")
    if len(others) == 1:
        return ratio(others[0], own)
    base = [[math.log(rate) for rate in side] for side in others]
    mine = [math.log(rate) for rate in own]
    middle = fmean(mine) - median(map(fmean, base))
    root = math.sqrt(1 / len(mine) + _median_share(len(base)) * fmean(1 / len(x) for x in base))
    runs = (sum(map(len, base)), len(mine))
    if min(map(len, (mine, *base))) < 2:
        half, p = _normal(middle, RUN_SD * root)
        return Ratio(math.exp(middle), *_ends(middle, half), p, runs, "assumed")
    scatter, freedom = max(_scatter([mine, *base]), _scatter([mine]))
    half, p = _student(middle, root, scatter, freedom)
    _, usual = _normal(middle, max(RUN_SD, scatter) * root)
    return Ratio(math.exp(middle), *_ends(middle, half), p, runs, "runs", usual)


def _median_share(count: int) -> float:
    """The variance of the median of so many normal values, as a share of the variance of one.

    Up to two it is their mean's. Beyond, the limit for many, which is above the exact value.
    """
    return 1 / count if count <= 2 else math.pi / (2 * count)


def _scatter(sides: Sequence[Sequence[float]]) -> tuple[float, int]:
    """Standard deviation within sides of at least two values, and its degrees of freedom."""
    middles = [(side, fmean(side)) for side in sides]
    squares = sum((value - middle) ** 2 for side, middle in middles for value in side)
    freedom = sum(len(side) - 1 for side in sides)
    return math.sqrt(squares / freedom), freedom


def _normal(middle: float, error: float) -> tuple[float, float]:
    """Half the interval's width, and the two-sided p-value."""
    return float(ndtri((1 + CONFIDENCE) / 2)) * error, float(2 * ndtr(-abs(middle) / error))


def _student(middle: float, root: float, scatter: float, freedom: int) -> tuple[float, float]:
    """The same where the scatter is an estimate."""
    error = scatter * root
    if not error:
        return 0.0, 0.0 if middle else 1.0
    half = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    return half, float(2 * stdtr(freedom, -abs(middle) / error))


def _ends(middle: float, half: float) -> tuple[float, float]:
    return math.exp(middle - half), math.exp(middle + half)
