"""Kinds of noise that simulations draw: deviations of logarithms, along the first axis in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.random import Generator
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Shape = tuple[int, ...]
    #: Deviations of this shape, with this standard deviation.
    Noise = Callable[[Generator, Shape, float], Floats]


def normal(rng: Generator, shape: Shape, sd: float) -> Floats:
    """Independent normal noise."""
    return rng.normal(0, sd, shape)


def heavy_tailed(rng: Generator, shape: Shape, sd: float) -> Floats:
    """Student's t with 3 degrees, scaled to the standard deviation."""
    deviations: Floats = rng.standard_t(3, shape) * sd / np.sqrt(3)
    return deviations


def skewed(rng: Generator, shape: Shape, sd: float) -> Floats:
    """Log-normal, its long tail below: always to one side."""
    deviations: Floats = -np.exp(rng.normal(0, 1, shape)) * sd / np.sqrt((np.e - 1) * np.e)
    return deviations


def disturbed(rng: Generator, shape: Shape, sd: float) -> Floats:
    """Normal noise of this standard deviation, tenfold in one case of seven."""
    return normal(rng, shape, sd) * np.where(rng.random(shape) < 1 / 7, 10.0, 1.0)


def autocorrelated(share: float) -> Noise:
    """Normal noise that repeats a share of the deviation before."""

    def draw(rng: Generator, shape: Shape, sd: float) -> Floats:
        deviations = normal(rng, shape, sd)
        for place in range(1, shape[0]):
            fresh = np.sqrt(1 - share**2) * deviations[place]
            deviations[place] = share * deviations[place - 1] + fresh
        return deviations

    return draw
