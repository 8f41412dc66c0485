"""Resizing batches of uint8 images: Pillow's filters, and tf.image's for comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tl_core.errors import ImageError
from tl_core.resampling import FILTERS, resample

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from tl_core.models.untyped import Tensor

#: Pillow's filters: two passes with fixed-point weights, rounded to uint8 after each, pixel
#: centres at half-integers, antialiased when shrinking.
PILLOW_FILTERS = ("nearest", *FILTERS)
#: tf.image.resize's methods: float32 throughout, rounded once at the end, half-pixel centres,
#: antialiased when shrinking (which is not tf.image's default, but what every other tool does).
TF_PREFIX = "tf-"
TF_METHODS = (
    *("area", "bicubic", "bilinear", "gaussian"),
    *("lanczos3", "lanczos5", "mitchellcubic", "nearest"),
)
RESIZE_METHODS = (*PILLOW_FILTERS, *(TF_PREFIX + method for method in TF_METHODS))
#: The tutorial's filter.
DEFAULT_METHOD = "lanczos"


def resize_batch(
    images: NDArray[np.uint8] | Iterable[NDArray[np.uint8]],
    size: int | tuple[int, int],
    method: str = DEFAULT_METHOD,
) -> NDArray[np.uint8]:
    """Resize images to one size; the aspect ratio may change, as in the tutorial.

    Args:
        images: uint8 RGB, ``(n, h, w, 3)`` or a sequence of ``(h, w, 3)`` of any sizes.
        size: The side of a square, or (height, width), in pixels.
        method: One of ``RESIZE_METHODS``.

    Returns:
        uint8 RGB ``(n, height, width, 3)``.

    Raises:
        ImageError: Wrong dtype, shape, size or method.
    """
    if method not in RESIZE_METHODS:
        raise ImageError(f"resize method {method!r}: expected one of {', '.join(RESIZE_METHODS)}")
    height, width = (size, size) if isinstance(size, (int, np.integer)) else size
    if height < 1 or width < 1:
        raise ImageError(f"image size {size}: expected at least 1 pixel each way")
    rows = [checked_pixels(image, 3) for image in images]
    if method in FILTERS:
        return resample(rows, height, width, method)
    out = np.empty((len(rows), height, width, 3), np.uint8)
    for target, row in zip(out, rows, strict=True):
        if method == "nearest":
            picture = Image.fromarray(row).resize((width, height), Image.Resampling.NEAREST)
            target[:] = np.asarray(picture)
        else:
            target[:] = tensorflow_resize(row, height, width, method.removeprefix(TF_PREFIX))
    return out


def checked_pixels(images: object, dimensions: int) -> NDArray[np.uint8]:
    """The array itself if it holds uint8 RGB pixels in ``dimensions`` axes; else ImageError.

    The most common mistake: pixels already scaled to [0, 1].
    """
    array = np.asarray(images)
    if array.dtype != np.uint8:
        raise ImageError(
            f"pixels of dtype {array.dtype}: expected uint8, 0 to 255, unscaled (the network "
            "scales them itself)"
        )
    if array.ndim != dimensions or array.shape[-1] != 3 or 0 in array.shape[-3:]:
        shape = "(n, h, w, 3)" if dimensions == 4 else "(h, w, 3)"
        raise ImageError(f"pixels of shape {array.shape}: expected {shape} RGB, channels last")
    return array


def tensorflow_resize(images: Tensor, height: int, width: int, method: str) -> Tensor:
    """Any number of uint8 images to uint8 of another size, by a method of tf.image."""
    import tensorflow as tf

    resized = tf.image.resize(images, (height, width), method=method, antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0, 255), tf.uint8)
