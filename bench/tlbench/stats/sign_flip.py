"""Exact statistics on log-ratios of process pairs, from nothing but their random order.

In every pair it is drawn which of two slots the candidate gets: started first or second, first or
second to take a turn. Where candidate and base are the same, a pair's log-ratio is the slots' own
log-ratio with a random sign; so, whatever the slots' log-ratios are (heavy-tailed, drifting,
correlated from pair to pair), every other choice of signs would have been as likely. The p-value
is the share of these that look as bad. No distribution is assumed, and one sign is common to all
benchmarks of a pair, so that how they vary together needs no correction.

No pair counts for more than the median pair: sizes of log-ratios are cut there, which no sign
changes, so that p-values stay exact. Some pairs are disturbed; summed uncut, one that differs by
50 % hides what twenty others show. Where noise is normal, this costs next to nothing
(``bench.studies.gate_simulation``).

Source: Fisher, The Design of Experiments, 1935, section 21; Westfall and Young, Resampling-Based
Multiple Testing, 1993, chapter 2 (step-down max-T); Maritz, A Note on Exact Robust Confidence
Intervals for Location, 1979 (sign-flip tests of cut sizes, and their inversion).
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

#: Up to so many pairs every choice of signs is tried; for more, so many random ones.
ALL_UP_TO = 16
DRAWN = 2**16
#: Values closer than this are equal: their sums were only added up in another order.
ROUNDING = 1e-12
#: Halvings of the range of all pairs in which an end of an interval is sought.
HALVINGS = 20


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
    scores = _scaled(cut(logs)).T @ outcomes(len(logs)).T
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

    The share of all subsets of the pairs, the empty one included, whose deviations from the limit,
    cut, don't add up to less than nothing.

    Args:
        logs: log(candidate seconds / base seconds), ``(pairs, benchmarks)``.
        limits: log of the slowdown in question, ``(benchmarks,)``, or of several for one column.
    """
    return _share_of_subsets(cut(logs - limits))


def as_slow_p_at_worst(logs: Floats, limits: Floats) -> Floats:
    """At least the largest ``as_slow_p`` that these log-ratios would have with any signs.

    Arguments as there; limits are positive. Whatever the signs are, the median's size lies between
    those that it has with all of them positive and with all negative.
    """
    sizes = np.abs(logs)
    least, most = (np.median(each, axis=0) for each in (np.abs(sizes - limits), sizes + limits))
    above = np.minimum(sizes - limits, np.where(least > 0, most, np.inf))
    return _share_of_subsets(np.where(sizes > limits, above, np.maximum(sizes - limits, -least)))


def _share_of_subsets(deviations: Floats) -> Floats:
    # Signs are -1 for the pairs of a subset: its sum is half of what the whole's exceeds this by.
    signed = outcomes(len(deviations)) @ deviations
    shares: Floats = np.mean(signed <= deviations.sum(axis=0) + ROUNDING, axis=0)
    return shares


def cut(deviations: Floats) -> Floats:
    """Deviations ``(pairs, ...)`` whose sizes are at most the median's.

    Uncut where the median is 0, as where most pairs agree exactly.
    """
    most = np.median(np.abs(deviations), axis=0)
    most = np.where(most > 0, most, np.inf)
    shortened: Floats = np.clip(deviations, -most, most)
    return shortened


def centre(logs: Floats) -> Floats:
    """Log-ratios from which deviations, cut, add up to nothing, ``(benchmarks,)``."""
    return _crossing(logs, lambda limits: cut(logs - limits).sum(axis=0) > 0)


def bounds(logs: Floats, level: float) -> tuple[float, float, float] | None:
    """An interval of the true log-ratio, whose ends each miss it with chance ``level`` at most.

    Between them lie the log-ratios that ``as_slow_p`` rules out for neither direction.

    Args:
        logs: One benchmark's log-ratios, ``(pairs,)``.
        level: One-sided, such as 0.05.

    Returns:
        Low, high, and their real level; None where so few pairs can't have such a level.
    """
    subsets = len(outcomes(len(logs)))
    place = int(np.floor(level * subsets + ROUNDING))
    if place < 1:
        return None
    # The lower end is the upper end of what is turned round.
    both = np.stack([-logs, logs], axis=1)
    low, high = _crossing(both, lambda limits: as_slow_p(both, limits) > (place + 0.5) / subsets)
    return float(-low), float(high), place / subsets


def _crossing(logs: Floats, is_below: Callable[[Floats], NDArray[np.bool_]]) -> Floats:
    """Where each benchmark, ``(benchmarks,)``, is no longer below, by bisection."""
    low, high = logs.min(axis=0), logs.max(axis=0)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below = is_below(middle)
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    end: Floats = high
    return end


def _scaled(logs: Floats) -> Floats:
    """Divide by the root of the sum of squares, which no sign changes; all zeros stay zeros.

    The sum is then a monotone function of Student's t, but for the constant, and is bounded.
    """
    sizes = np.linalg.norm(logs, axis=0)
    scaled: Floats = logs / np.where(sizes > 0, sizes, 1.0)
    return scaled
