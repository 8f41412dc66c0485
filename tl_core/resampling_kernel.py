"""The compiled part of ``resampling``; importing it loads the compiler."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
from numba import njit

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Kernel = Callable[..., None]
    Pixels = NDArray[np.uint8]
    #: First taps and their counts, and the weights; see ``resampling.Taps``.
    Places = NDArray[np.int64]
    Weights = NDArray[np.int32]


#: Fractional bits of the weights: 32, less 8 for a pixel and 2 for sums of weights above 1.
FRACTION_BITS = 22
#: Half a grey level.
HALF = 1 << (FRACTION_BITS - 1)


def _compiled(function: Kernel) -> Kernel:
    """Compile without Python's lock; cache it for later processes if a folder is writable."""
    try:
        return cast("Kernel", njit(nogil=True, cache=True)(function))
    except RuntimeError:  # neither beside this file nor in the user's cache folder
        return cast("Kernel", njit(nogil=True)(function))


@_compiled
def _combine(rows: Pixels, first: Places, count: Places, weights: Weights, out: Pixels) -> None:
    """Each row of ``out`` is a weighted sum of rows: ``(inputs, m)`` to ``(outputs, m)``."""
    length = rows.shape[1]
    sums = np.empty(length, np.int32)
    for place in range(out.shape[0]):
        sums[:] = HALF
        start, number = first[place], count[place]
        tap = 0
        # Two at a time, so that the sums are read and written half as often.
        while tap + 1 < number:
            weight, other = weights[place, tap], weights[place, tap + 1]
            for i in range(length):
                sums[i] += np.int32(
                    weight * np.int32(rows[start + tap, i])
                    + other * np.int32(rows[start + tap + 1, i])
                )
            tap += 2
        if tap < number:
            weight = weights[place, tap]
            for i in range(length):
                sums[i] += np.int32(weight * np.int32(rows[start + tap, i]))
        for i in range(length):
            level = np.int32(sums[i] >> FRACTION_BITS)
            out[place, i] = np.uint8(min(max(level, np.int32(0)), np.int32(255)))


@_compiled
def down(image: Pixels, first: Places, count: Places, weights: Weights, out: Pixels) -> None:
    """Resample columns: uint8 ``(h, w, 3)`` to ``(outputs, w, 3)``; see ``resampling.Taps``."""
    length = image.shape[1] * 3
    rows, outputs = image.reshape(image.shape[0], length), out.reshape(out.shape[0], length)
    _combine(rows, first, count, weights, outputs)


@_compiled
def across(image: Pixels, first: Places, count: Places, weights: Weights, out: Pixels) -> None:
    """Resample rows: uint8 ``(h, w, 3)`` to ``(h, outputs, 3)``.

    Columns become rows, so that a weight is multiplied with neighbouring pixels in memory.
    """
    height, width, outputs = image.shape[0], image.shape[1], out.shape[1]
    turned = np.empty((width, height * 3), np.uint8)
    for y in range(height):
        for x in range(width):
            for channel in range(3):
                turned[x, y * 3 + channel] = image[y, x, channel]
    combined = np.empty((outputs, height * 3), np.uint8)
    _combine(turned, first, count, weights, combined)
    for y in range(height):
        for x in range(outputs):
            for channel in range(3):
                out[y, x, channel] = combined[x, y * 3 + channel]
