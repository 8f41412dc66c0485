"""Pillow's resampling inside a TensorFlow graph: the same pixels to the bit, on any device.

The two passes of ``resampling`` as matrix products in double precision. Pixels and weights are
integers, and each sum of their products is below 2^31; double precision is exact up to 2^53.
Therefore neither the order of a sum nor the device changes a pixel.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tl_core.resampling import height_first, taps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tl_core.models.untyped import Tensor

#: Axes of images ``(n, h, w, 3)``.
_ROWS, _COLUMNS, _COLOURS = 1, 2, 3


def graph_resample(images: Tensor, height: int, width: int, name: str) -> Tensor:
    """Resize images of one size with Pillow's pixels, eagerly or inside a graph.

    Args:
        images: uint8 RGB ``(n, h, w, 3)``; only ``n`` may be unknown.
        height: Of the result, in pixels.
        width: Of the result, in pixels.
        name: One of ``resampling.FILTERS``.

    Returns:
        uint8 RGB ``(n, height, width, 3)``.
    """
    import tensorflow as tf

    layout: tuple[int, ...] = (0, _ROWS, _COLUMNS, _COLOURS)
    for axis, outputs in _passes(images.shape[_ROWS], images.shape[_COLUMNS], height, width):
        # The axis that is resampled stands last: the whole pass is one matrix product.
        wanted = (0, _COLOURS, _ROWS + _COLUMNS - axis, axis)
        turned = tf.transpose(images, [layout.index(each) for each in wanted])
        images, layout = _resampled(turned, outputs, name), wanted
    return tf.transpose(images, [layout.index(each) for each in range(4)])


def _passes(rows: int, columns: int, height: int, width: int) -> Iterator[tuple[int, int]]:
    """The passes that are needed, in Pillow's order: the axis, and how long it becomes."""
    passes = [(_COLUMNS, columns, width), (_ROWS, rows, height)]
    if height_first(rows - height, columns - width):
        passes.reverse()
    return ((axis, after) for axis, before, after in passes if before != after)


def _resampled(pixels: Tensor, outputs: int, name: str) -> Tensor:
    """One pass along the last axis: uint8 ``(n, 3, m, inputs)`` to uint8 ``(n, 3, m, outputs)``."""
    import tensorflow as tf

    _, colours, lines, inputs = pixels.shape
    rows = tf.reshape(tf.cast(pixels, tf.float64), (-1, inputs))
    levels = tf.matmul(rows, tf.constant(weight_matrix(inputs, outputs, name)))
    # The cast cuts off: with the half added, and nothing below 0, it rounds half up.
    rounded = tf.cast(tf.clip_by_value(levels + 0.5, 0.0, 255.0), tf.uint8)
    return tf.reshape(rounded, (-1, colours, lines, outputs))


def weight_matrix(inputs: int, outputs: int, name: str) -> NDArray[np.float64]:
    """Weights of every input pixel in every output pixel, float64 ``(inputs, outputs)``.

    Multiples of 2^-22: products with whole numbers up to 255, and their sums, are exact.
    """
    from tl_core.resampling_kernel import FRACTION_BITS

    along = taps(inputs, outputs, name)
    matrix = np.zeros((inputs, outputs))
    for place, (first, count) in enumerate(zip(along.first, along.count, strict=True)):
        matrix[first : first + count, place] = along.weights[place, :count]
    return matrix / (1 << FRACTION_BITS)
