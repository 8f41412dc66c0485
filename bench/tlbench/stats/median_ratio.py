"""The ratio of one side's rates to the median of several others', with interval and p-value."""

from __future__ import annotations

import math
from statistics import fmean, median, variance
from typing import TYPE_CHECKING

from scipy.special import ndtr, ndtri, stdtr, stdtrit  # scipy.stats takes too long to import

from tlbench.stats.ratios import CONFIDENCE, RUN_SD, Ratio

if TYPE_CHECKING:
    from collections.abc import Sequence


def ratio_to_median(others: Sequence[Sequence[float]], own: Sequence[float]) -> Ratio:
    """Compare a side with the median of others, by the rates of their runs, all above 0.

    The median is of the others' geometric means: a few of them that are far off hardly move it.
    With one other side this is ``ratios.ratio``. With at least two runs per side by Welch's t test
    on logarithms, in which the others share one variance. With fewer, a run is taken to scatter by
    ``RUN_SD``, and the normal distribution to hold.

    Args:
        others: Rates of the runs of each other side.
        own: Rates of the side that is judged.

    Raises:
        ValueError: No other side, or a side without runs.
    """
    if not others or not own or not all(others):
        raise ValueError("expected at least one other side, and at least one run per side")
    base = [[math.log(rate) for rate in side] for side in others]
    mine = [math.log(rate) for rate in own]
    middle = fmean(mine) - median(fmean(side) for side in base)
    weights = 1 / len(mine), _median_share(len(base)) * fmean(1 / len(side) for side in base)
    runs = (sum(map(len, base)), len(mine))
    sides = [mine, *base]
    several = min(map(len, sides)) >= 2
    scatter = max(RUN_SD, math.sqrt(_pooled(sides))) if several else RUN_SD
    error = scatter * math.sqrt(sum(weights))
    critical, usual = float(ndtri((1 + CONFIDENCE) / 2)), float(2 * ndtr(-abs(middle) / error))
    if not several:
        return _ratio(middle, critical * error, usual, runs)
    parts = variance(mine) * weights[0], _pooled(base) * weights[1]
    error = math.sqrt(sum(parts))
    if not error:
        return _ratio(middle, 0.0, 0.0 if middle else 1.0, runs, usual)
    freedom = sum(parts) ** 2 / sum(
        part**2 / free for part, free in zip(parts, map(_freedom, ([mine], base)), strict=True)
    )
    half = float(stdtrit(freedom, (1 + CONFIDENCE) / 2)) * error
    return _ratio(middle, half, float(2 * stdtr(freedom, -abs(middle) / error)), runs, usual)


def _ratio(
    middle: float, half: float, p: float, runs: tuple[int, int], usual: float | None = None
) -> Ratio:
    ends = math.exp(middle - half), math.exp(middle + half)
    return Ratio(math.exp(middle), *ends, p, runs, "assumed" if usual is None else "runs", usual)


def _median_share(count: int) -> float:
    """The variance of the median of so many normal values, as a share of the variance of one.

    Up to two it is their mean's. Beyond, the limit for many, which is above the exact value.
    """
    return 1 / count if count <= 2 else math.pi / (2 * count)


def _freedom(sides: Sequence[Sequence[float]]) -> int:
    return sum(len(side) - 1 for side in sides)


def _pooled(sides: Sequence[Sequence[float]]) -> float:
    """Variance within the sides, of which at least one has two values."""
    squares = sum((len(side) - 1) * variance(side) for side in sides if len(side) > 1)
    return squares / _freedom(sides)
