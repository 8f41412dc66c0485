"""The ratio of two sides' rates, with its interval and its p-value.

The unit is a run, that is a process: rounds of one process agree with each other far better than
with those of the next. Pure functions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Literal

from scipy.special import ndtr, ndtri, stdtr, stdtrit  # scipy.stats takes too long to import

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What a run's rate is taken to scatter by from run to run, as the standard deviation of its
#: logarithm, where there are too few runs to see. Extraction on two shared CPUs, beside a load
#: that comes and goes, scattered by 0.117 (results/studies/gates/unchanged-loaded).
RUN_SD = 0.12
#: Fewer runs may agree by luck.
FEW = 5
#: Nominal confidence of the intervals that are shown.
CONFIDENCE = 0.95
#: Level: chance that a ratio, or any of several that were corrected for each other, is called
#: significant although nothing differs.
ALARM = 0.05

Basis = Literal["runs", "assumed"]
Significance = Literal[
    "faster", "slower", "likely faster", "likely slower", "no significant difference"
]


@dataclass(frozen=True)
class Ratio:
    """How many times as fast the second side is as the first.

    Attributes:
        value: Of the geometric means of the runs' rates, with its 95 % interval; above 1: faster.
        p: Two-sided chance of a ratio as far from 1, were there no difference.
        p_usual: The same, where runs scatter by ``RUN_SD``, or as these do if that is more; None
            where ``p`` is of an assumed scatter already.
        runs: Of the first and of the second side.
        basis: ``runs`` where their own scatter was used, ``assumed`` where there were too few.
    """

    value: float
    low: float
    high: float
    p: float
    runs: tuple[int, int]
    basis: Basis
    p_usual: float | None = None

    @property
    def chance(self) -> float:
        """The p-value that counts, uncorrected for other ratios.

        A few runs know little of their own scatter, so that they may convince by the usual one as
        well, as a single run does: either of the two chances counts, and so each twice.
        """
        return self.p if self.p_usual is None else min(1.0, 2 * min(self.p, self.p_usual))

    def significance(self, chance: float | None = None) -> Significance:
        """Whether the difference is significant at the level ``ALARM``.

        "Likely" where it isn't, though the ratio's own interval excludes 1.

        Args:
            chance: The ratio's own, corrected for other ratios; None where there are none.
        """
        faster = self.value > 1
        if (self.chance if chance is None else chance) <= ALARM:
            return "faster" if faster else "slower"
        if self.low <= 1 <= self.high:
            return "no significant difference"
        return "likely faster" if faster else "likely slower"


def holm(chances: Sequence[float]) -> list[float]:
    """P-values corrected for each other: the chance of any false claim is at most the level.

    However they depend on each other. Each is at least as large as before, and at most 1.

    Source: Holm, Scandinavian Journal of Statistics 6, 1979.
    """
    corrected = [1.0] * len(chances)
    largest = 0.0
    for done, place in enumerate(sorted(range(len(chances)), key=chances.__getitem__)):
        largest = max(largest, min(1.0, (len(chances) - done) * chances[place]))
        corrected[place] = largest
    return corrected


def rate_interval(rates: Sequence[float]) -> tuple[float, float]:
    """The 95 % interval of the geometric mean of the rates of runs, all above 0.

    With at least two runs by Student's t on logarithms. Fewer than ``FEW`` may agree by luck: they
    are taken to scatter by ``RUN_SD``, or as they do if the interval is wider then.

    Raises:
        ValueError: No run.
    """
    if not rates:
        raise ValueError("expected at least one run")
    logs, coverage = [math.log(rate) for rate in rates], (1 + CONFIDENCE) / 2
    root = math.sqrt(len(logs))
    half = float(ndtri(coverage)) * RUN_SD / root if len(logs) < FEW else 0.0
    if len(logs) > 1:
        half = max(half, float(stdtrit(len(logs) - 1, coverage)) * stdev(logs) / root)
    return math.exp(fmean(logs) - half), math.exp(fmean(logs) + half)


def ratio(base: Sequence[float], candidate: Sequence[float]) -> Ratio:
    """Compare two sides by the rates of their runs, in images per second, all above 0.

    With at least two runs per side by Welch's t test on the logarithms of the rates. With fewer, a
    run is taken to scatter by ``RUN_SD``, and the normal distribution to hold.

    Raises:
        ValueError: A side without runs.

    Source: Welch, Biometrika 34, 1947.
    """
    if not base or not candidate:
        raise ValueError("expected at least one run per side")
    first, second = ([math.log(rate) for rate in side] for side in (base, candidate))
    middle = fmean(second) - fmean(first)
    counts = (len(first), len(second))
    several = min(counts) >= 2
    error, critical, p = (_welch if several else _assumed)(first, second, middle)
    low, high = math.exp(middle - critical * error), math.exp(middle + critical * error)
    basis: Basis = "runs" if several else "assumed"
    usual = _assumed(first, second, middle, max(RUN_SD, _pooled(first, second)))[2]
    return Ratio(math.exp(middle), low, high, p, counts, basis, usual if several else None)


def _welch(
    first: Sequence[float], second: Sequence[float], middle: float
) -> tuple[float, float, float]:
    parts = [stdev(side) ** 2 / len(side) for side in (first, second)]
    error = math.sqrt(sum(parts))
    if not error:
        return 0.0, 0.0, 0.0 if middle else 1.0
    freedom = sum(parts) ** 2 / sum(
        part**2 / (len(side) - 1) for part, side in zip(parts, (first, second), strict=True)
    )
    critical = float(stdtrit(freedom, (1 + CONFIDENCE) / 2))
    return error, critical, float(2 * stdtr(freedom, -abs(middle) / error))


def _pooled(first: Sequence[float], second: Sequence[float]) -> float:
    """Standard deviation within the sides; 0 where neither has two runs."""
    freedom = len(first) + len(second) - 2
    middles = [(side, fmean(side)) for side in (first, second)]
    squares = sum((value - middle) ** 2 for side, middle in middles for value in side)
    return math.sqrt(squares / freedom) if freedom else 0.0


def _assumed(
    first: Sequence[float], second: Sequence[float], middle: float, scatter: float = RUN_SD
) -> tuple[float, float, float]:
    error = scatter * math.sqrt(1 / len(first) + 1 / len(second))
    critical = float(ndtri((1 + CONFIDENCE) / 2))
    return error, critical, float(2 * ndtr(-abs(middle) / error))
