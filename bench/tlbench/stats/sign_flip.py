"""Exact statistics on log-ratios of process pairs, from nothing but their random order.

In every pair it is drawn which of two slots the candidate gets: started first or second, first or
second to take a turn. Where candidate and base are the same, a pair's log-ratio is the slots' own
log-ratio with a random sign; so, whatever the slots' log-ratios are (heavy-tailed, drifting,
correlated from pair to pair), every other choice of signs would have been as likely. The p-value
is the share of these that look as bad. No distribution is assumed, and one sign is common to all
benchmarks of a pair, so that how they vary together needs no correction.

Source: Fisher, The Design of Experiments, 1935, section 21; Westfall and Young, Resampling-Based
Multiple Testing, 1993, chapter 2 (step-down max-T); Hartigan, Using Subsample Values as Typical
Values, 1969 (intervals from means of subsets).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

#: Up to so many pairs every choice of signs is tried; for more, so many random ones.
ALL_UP_TO = 16
DRAWN = 2**16
#: Values closer than this are equal: their sums were only added up in another order.
ROUNDING = 1e-12


@functools.lru_cache(maxsize=16)
def outcomes(pairs: int) -> Floats:
    """Signs ``(outcomes, pairs)``, +1 and -1; the first row is what happened.

    All of them up to ``ALL_UP_TO`` pairs; beyond, ``DRAWN`` random ones from a fixed seed, with
    what happened among them, which keeps p-values valid.
    """
    if pairs <= ALL_UP_TO:
        bits = (np.arange(2**pairs)[:, None] >> np.arange(pairs)) & 1
    else:
        bits = np.random.default_rng(pairs).integers(0, 2, (DRAWN, pairs))
        bits[0] = 0
    return np.where(bits, -1.0, 1.0)


def slower_p(logs: Floats) -> Floats:
    """P of each benchmark, ``(benchmarks,)``: evidence as strong for a slowdown by order alone.

    Adjusted for all benchmarks together: the chance that any that didn't change has a p of at most
    ``a`` is at most ``a``, whichever others changed. Never below one outcome's share, 2 ** -pairs.

    Args:
        logs: log(candidate seconds / base seconds), ``(pairs, benchmarks)``, both at least 1.
    """
    scores = _scaled(logs).T @ outcomes(len(logs)).T
    order = np.argsort(-scores[:, 0], kind="stable")
    shares = np.empty(len(order))
    # Of each benchmark and all with weaker evidence: the strongest in each outcome.
    strongest = np.full(scores.shape[1], -np.inf)
    for place in range(len(order) - 1, -1, -1):
        score = scores[order[place]]
        np.maximum(strongest, score, out=strongest)
        shares[place] = np.mean(strongest >= score[0] - ROUNDING)
    adjusted = np.empty(logs.shape[1])
    adjusted[order] = np.maximum.accumulate(shares)
    return adjusted


def as_slow_p(logs: Floats, limits: Floats) -> Floats:
    """P of each benchmark alone, ``(benchmarks,)``: it is as slow as its limit.

    At most ``a`` exactly where the upper end of ``bounds`` at level ``a`` is below the limit: of
    all subsets of the pairs, the empty one included, the share whose mean isn't.

    Args:
        logs: log(candidate seconds / base seconds), ``(pairs, benchmarks)``.
        limits: log of the slowdown in question, ``(benchmarks,)``.
    """
    chosen = outcomes(len(logs)) < 0
    shares: Floats = np.mean(chosen.astype(float) @ (logs - limits) >= -ROUNDING, axis=0)
    return shares


def bounds(logs: Floats, level: float) -> tuple[float, float, float] | None:
    """An interval of the true log-ratio, whose ends each miss it with chance ``level`` at most.

    The ends are means of subsets of the pairs: the truth lies below the k-th smallest of these
    with chance k / 2 ** pairs exactly.

    Args:
        logs: One benchmark's log-ratios, ``(pairs,)``.
        level: One-sided, such as 0.05.

    Returns:
        Low, high, and their real level; None where so few pairs can't have such a level.
    """
    chosen = outcomes(len(logs)) < 0
    place = int(np.floor(level * len(chosen) + ROUNDING))
    if place < 1:
        return None
    counts = chosen.sum(axis=1)
    means = np.sort((chosen @ logs)[counts > 0] / counts[counts > 0])
    return float(means[place - 1]), float(means[-place]), place / len(chosen)


def _scaled(logs: Floats) -> Floats:
    """Divide by the root of the sum of squares, which no sign changes; all zeros stay zeros.

    The sum is then a monotone function of Student's t, but for the constant, and is bounded.
    """
    sizes = np.linalg.norm(logs, axis=0)
    scaled: Floats = logs / np.where(sizes > 0, sizes, 1.0)
    return scaled
