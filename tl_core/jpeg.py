"""Decode JPEG by libjpeg-turbo directly, at a fraction of its size if that is enough.

Pillow, the reference, also decodes by libjpeg-turbo. But it then copies each pixel three times:
into four bytes, back into three, and into the array. ``simplejpeg`` writes into the array directly.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING

import PIL
from PIL import features

try:
    import simplejpeg
except ImportError:  # Pillow reads every JPEG that simplejpeg reads
    simplejpeg = None

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

#: A picture is decoded at a fraction of its size only if each side keeps this many times the target
#: side. Resizing then still has several input pixels for each output pixel.
LEAST_RATIO = 2
#: The fractions are 1/2, 1/4 and 1/8. libjpeg knows others, but Pillow doesn't, and they are slow.
SHRINKS = (8, 4, 2)
#: Smaller targets count as this side: fractions of tiny pictures round to the same size.
LEAST_SIDE = 16
#: Largest difference from Pillow's pixels, in levels of 255: none if both have the same
#: libjpeg-turbo, else rounding in the colour conversion.
PIXEL_BOUND = 2


def needed_side(size: int) -> int:
    """The least side in pixels to which a picture may be decoded if it is resized to ``size``."""
    return LEAST_RATIO * max(size, LEAST_SIDE)


def shrink_for(width: int, height: int, size: int | None) -> int:
    """The divisor of each side: 8, 4, 2 or 1; 1 if ``size`` is None."""
    room = 1 if size is None else min(width, height) // needed_side(size)
    return next((shrink for shrink in SHRINKS if room >= shrink), 1)


def decode_jpeg(data: bytes, image: Image.Image, size: int | None) -> NDArray[np.uint8] | None:
    """The pixels as stored, uint8 RGB ``(h, w, 3)``; None if Pillow has to decode.

    Pillow decodes other formats, CMYK, incomplete files, and kinds of JPEG that only it
    can read. ``image`` is the same file opened by Pillow, which has read its header; ``size`` is as
    for ``load_image``.
    """
    if simplejpeg is None or image.format not in {"JPEG", "MPO"} or image.mode not in {"RGB", "L"}:
        return None
    shrink = shrink_for(*image.size, size)
    width, height = (-(-side // shrink) for side in image.size)
    least = {"min_height": height, "min_width": width} if shrink > 1 else {}
    try:
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, "RGB", **least)
    except ValueError:  # damaged, even if only a little: left to Pillow
        return None
    return pixels if pixels.shape == (height, width, 3) else None


def decoder_name() -> str:
    """The decoder of most JPEG files, with its version."""
    if simplejpeg is not None:
        return f"simplejpeg {version('simplejpeg')}"
    return f"pillow {PIL.__version__}, libjpeg-turbo {features.version('libjpeg_turbo')}"
