"""One new run against several runs of a baseline: pure functions on log-medians.

How much runs differ is taken from the baseline's runs, and Student's t says how far from their
mean a further run of the same program may lie. That assumes what randomised pairs
(``sign_flip``) don't: that log-medians of runs are about normal, and that the new run
was made under the conditions of the others. Runs of one hour differ less than runs of two weeks.

Source: Hahn and Meeker, Statistical Intervals, 1991, section 4.8 (prediction of one observation);
Holm, Scandinavian Journal of Statistics 6, 1979.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist, fmean, median, stdev
from typing import TYPE_CHECKING, Literal

from scipy import special, stats

from tlbench.stats.estimate import ALARM, MISS, POWER, SHOWN, Estimate
from tlbench.stats.round_stats import median_interval

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Decision = Literal["pass", "fail", "inconclusive"]
#: Smallest standard deviation that is believed, as a share: where medians are equal because the
#: clock is coarse, they aren't known any better.
LEAST_SPREAD = 0.001
#: From so many rounds on, the binomial distribution is as good as normal.
MANY_ROUNDS = 100
#: No more baseline runs than this are proposed.
MOST_RUNS = 100


@dataclass(frozen=True)
class Prediction:
    """Where the new run lies, seen from the baseline's.

    Attributes:
        log_ratio: log(new median) less the mean of the baseline's log-medians.
        between: Standard deviation of one baseline run's log-median.
        own: The same of the new run, which may be less sure than those were.
        runs: The baseline's runs, m; there are m - 1 degrees of freedom.
    """

    log_ratio: float
    between: float
    own: float
    runs: int

    @property
    def error(self) -> float:
        """Standard error of ``log_ratio``: s * sqrt(1 + 1/m) where both are equally sure."""
        return math.hypot(self.own, self.between / math.sqrt(self.runs))

    @property
    def p(self) -> float:
        """One-sided chance that an unchanged program's run is as slow; this benchmark alone."""
        return float(stats.t.sf(self.log_ratio / self.error, self.runs - 1))

    def upper(self, level: float) -> float:
        """The log-ratio that the true one exceeds with chance ``level``."""
        return self.log_ratio + float(stats.t.isf(level, self.runs - 1)) * self.error


def median_error(seconds: Sequence[float]) -> float:
    """Standard error of the log of rounds' median, from their order statistics; 0 for one round.

    The width of the median's distribution-free interval over that of a normal one, so that rounds
    that were far off don't count.

    Source: McKean and Schrader, Communications in Statistics B 13, 1984.
    """
    n, middle = len(seconds), median(seconds)
    if n > MANY_ROUNDS:
        ordered, reach = sorted(seconds), math.isqrt(n)  # two standard deviations of a rank
        return (ordered[n // 2 + reach] - ordered[n // 2 - reach]) / (4 * middle)
    interval = median_interval(seconds)
    if interval is None:
        return 0.0
    width = NormalDist().inv_cdf((1 + interval.coverage) / 2)
    return (interval.high - interval.low) / (2 * width * middle)


def predict(
    logs: Sequence[float], new: float, errors: Sequence[float] = (), new_error: float = 0.0
) -> Prediction:
    """Compare a new run with a baseline's.

    A run's median is at least as unsure as its own rounds say; few runs may agree by luck.

    ``logs`` are log(median seconds) of at least 2 baseline runs, ``errors`` their standard errors.
    """
    within = math.sqrt(fmean(error**2 for error in errors)) if errors else 0.0
    between = max(stdev(logs), within, LEAST_SPREAD)
    return Prediction(new - fmean(logs), between, max(between, new_error), len(logs))


def holm(p: Mapping[str, float], total: int) -> dict[str, float]:
    """p-values by benchmark, adjusted for all ``total``, step-down.

    What isn't known yet counts as unchanged, so that a failure stays one whatever comes.
    """
    adjusted, largest = {}, 0.0
    for place, name in enumerate(sorted(p, key=p.__getitem__)):
        largest = max(largest, min(1.0, p[name] * (total - place)))
        adjusted[name] = largest
    return adjusted


def decide(prediction: Prediction, adjusted_p: float, tolerance: float) -> Decision:
    """``fail``: slower by more than the tolerance (a share), significantly; ``pass``: ruled out."""
    limit = math.log1p(tolerance)
    if adjusted_p <= ALARM and prediction.log_ratio > limit:
        return "fail"
    return "pass" if prediction.upper(MISS) < limit else "inconclusive"


def estimate(prediction: Prediction, adjusted_p: float) -> Estimate:
    """The slowdown with its 95 % interval, as it is shown."""
    high = prediction.upper(SHOWN)
    low = 2 * prediction.log_ratio - high
    ratio, *ends = (math.exp(each) for each in (prediction.log_ratio, low, high))
    return Estimate(ratio, ends[0], ends[1], 1 - 2 * SHOWN, prediction.runs, adjusted_p)


def detectable(prediction: Prediction, total: int, tolerance: float) -> float:
    """The smallest slowdown, as a share, that would fail with ``POWER``, of ``total`` benchmarks.

    The prediction's standard deviations are taken for the true ones.
    """
    freedom = prediction.runs - 1
    level = float(stats.t.isf(ALARM / total, freedom))
    reach = _centre(freedom, level) * prediction.error
    above = math.log1p(tolerance) + float(stats.norm.ppf(POWER)) * prediction.error
    return math.expm1(max(reach, above))


def runs_to_pass(prediction: Prediction, tolerance: float) -> int | None:
    """How many more baseline runs a pass would probably take, had nothing changed; at least 1.

    None where even ``MOST_RUNS`` wouldn't do: the new run's own uncertainty stays.
    """
    for runs in range(prediction.runs + 1, MOST_RUNS + 1):
        level = float(stats.t.isf(MISS, runs - 1))
        error = math.hypot(prediction.own, prediction.between / math.sqrt(runs))
        if _centre(runs - 1, level) * error <= math.log1p(tolerance):
            return runs - prediction.runs
    return None


def _centre(freedom: int, level: float) -> float:
    """The true value, in standard errors, whose t exceeds ``level`` nine times in ten."""
    return float(special.nctdtrinc(freedom, 1 - POWER, level))
