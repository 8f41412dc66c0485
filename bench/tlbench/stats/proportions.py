"""Intervals of proportions."""

from __future__ import annotations

import math

from scipy.special import ndtri


def wilson(correct: int, n: int) -> tuple[float, float]:
    """The 95 % interval of a share, 0 to 1, by Wilson's score.

    Args:
        correct: Successes, 0 to ``n``.
        n: Trials, at least 1.

    Source: Wilson, JASA 22, 1927; as ``scipy.stats``, which takes too long to import, has it.
    """
    z = float(ndtri(0.975))
    share, weight = correct / n, z * z / n
    middle = (share + weight / 2) / (1 + weight)
    half = math.sqrt(weight * (share * (1 - share) + weight / 4)) / (1 + weight)
    return (
        middle - half if correct else 0.0,
        middle + half if correct < n else 1.0,
    )
