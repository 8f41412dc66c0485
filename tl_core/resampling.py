"""Pillow's resampling, compiled: the same pixels to the bit.

Pillow resamples in two passes, one along rows, one along columns. Each output pixel is a sum of
input pixels times weights in fixed point with 22 fractional bits, rounded and clipped to uint8
after each pass. All of that is integer arithmetic, so that it can be reordered freely: here whole
rows of pixels are multiplied by one weight at a time, which compiles to vector instructions.

Source: Pillow's ``Resample.c``, whose fixed point has been the same since version 3.3, and its pull
request 9549 for the order of the passes.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import PIL

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

#: The window's constants, which Pillow has in single precision.
HAMMING = float(np.float32(0.54)), float(np.float32(0.46))
#: The installed Pillow's major version.
PILLOW = int(PIL.__version__.split(".")[0])


def _box(x: float) -> float:
    return 1.0 if -0.5 < x <= 0.5 else 0.0


def _bilinear(x: float) -> float:
    return max(0.0, 1.0 - abs(x))


def _hamming(x: float) -> float:
    x = abs(x)
    if x >= 1 or x == 0:
        return float(x == 0)  # not the window's constants, whose sum is a little more
    return _sinc(x) * (HAMMING[0] + HAMMING[1] * math.cos(x * math.pi))


def _bicubic(x: float) -> float:
    a, x = -0.5, abs(x)
    if x < 1:
        return ((a + 2) * x - (a + 3)) * x * x + 1
    return (((x - 5) * x + 8) * x - 4) * a if x < 2 else 0.0


def _lanczos(x: float) -> float:
    return _sinc(x) * _sinc(x / 3) if -3 <= x < 3 else 0.0


def _sinc(x: float) -> float:
    return math.sin(x * math.pi) / (x * math.pi) if x else 1.0


#: Each filter's function and the distance in pixels at which it ends.
FILTERS: dict[str, tuple[Callable[[float], float], float]] = {
    "box": (_box, 0.5),
    "bilinear": (_bilinear, 1.0),
    "hamming": (_hamming, 1.0),
    "bicubic": (_bicubic, 2.0),
    "lanczos": (_lanczos, 3.0),
}


@dataclass(frozen=True, eq=False)
class Taps:
    """Which input pixels make each output pixel, along one axis.

    Attributes:
        first: The first of them, int64 ``(outputs,)``.
        count: How many they are, int64 ``(outputs,)``.
        weights: In fixed point, int32 ``(outputs, most taps)``; what is beyond the count is 0.
    """

    first: NDArray[np.int64]
    count: NDArray[np.int64]
    weights: NDArray[np.int32]


# A pair takes 2 ms or more to compute, 25 KB or so to keep: a folder has pictures of many sizes.
@functools.lru_cache(maxsize=1024)
def taps(inputs: int, outputs: int, name: str) -> Taps:
    """The taps from one number of pixels to another, with one of ``FILTERS``."""
    function, support = FILTERS[name]
    scale = inputs / outputs
    stretch = max(1.0, scale)  # shrinking widens the filter, which is what antialiases
    reach = support * stretch
    rows, firsts = [], []
    for place in range(outputs):
        center = (place + 0.5) * scale
        first = max(0, int(center - reach + 0.5))
        end = min(inputs, int(center + reach + 0.5))
        # Multiplied as Pillow does: a division would round otherwise.
        values = [function((x - center + 0.5) * (1.0 / stretch)) for x in range(first, end)]
        rows.append(_fixed(values))
        firsts.append(first)
    weights = np.zeros((outputs, max(map(len, rows))), np.int32)
    for target, row in zip(weights, rows, strict=True):
        target[: len(row)] = row
    return Taps(np.array(firsts), np.array([len(row) for row in rows]), weights)


def _fixed(values: Sequence[float]) -> list[int]:
    """Weights that add up to 1, rounded to fixed point, half away from zero."""
    from tl_core.resampling_kernel import FRACTION_BITS

    total = 0.0
    for value in values:  # in this order, and not compensated as Python's sum is
        total += value
    shares = [value / total if total else value for value in values]
    return [int(math.copysign(0.5, share) + share * (1 << FRACTION_BITS)) for share in shares]


def resample(images: Sequence[Pixels], height: int, width: int, name: str) -> Pixels:
    """Resize images, uint8 RGB ``(h, w, 3)`` of any sizes, to uint8 ``(n, height, width, 3)``.

    The filter is one of ``FILTERS`` by its name.
    """
    out = np.empty((len(images), height, width, 3), np.uint8)
    for target, image in zip(out, images, strict=True):
        _resample(np.ascontiguousarray(image), target, name)
    return out


def _resample(image: Pixels, out: Pixels, name: str) -> None:
    # Compiled on its first use on a machine, then read from a cache in a fraction of a second.
    from tl_core.resampling_kernel import across, down

    (from_height, from_width, _), (height, width, _) = image.shape, out.shape
    if from_width == width and from_height == height:
        out[:] = image
    elif from_width == width:
        _pass(down, 0, image, out, name)
    elif from_height == height:
        _pass(across, 1, image, out, name)
    elif height_first(from_height - height, from_width - width):
        between = np.empty((height, from_width, 3), np.uint8)
        _pass(down, 0, image, between, name)
        _pass(across, 1, between, out, name)
    else:
        between = np.empty((from_height, width, 3), np.uint8)
        _pass(across, 1, image, between, name)
        _pass(down, 0, between, out, name)


def _pass(kernel: Callable[..., None], axis: int, image: Pixels, out: Pixels, name: str) -> None:
    along = taps(image.shape[axis], out.shape[axis], name)
    kernel(image, along.first, along.count, along.weights, out)


def height_first(rows_lost: int, columns_lost: int) -> bool:
    """Which pass Pillow does first, as both round: since version 13 the one that shrinks more."""
    return PILLOW >= 13 and rows_lost > 0 and rows_lost > 2 * columns_lost
