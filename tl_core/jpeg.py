"""JPEG by libjpeg-turbo directly, and at a fraction of its size where that is enough.

Pillow decodes by libjpeg-turbo too, and is the reference. It moves each pixel three more times:
into its own four bytes, back into three, and into the array. ``simplejpeg`` writes into the array.
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

#: A picture is decoded at a fraction of its size only if each side keeps so many times the side
#: that it is resized to. Resizing then still has several pixels for each of its own.
LEAST_RATIO = 2
#: The fractions are 1/2, 1/4 and 1/8. libjpeg knows others, but Pillow doesn't, and they are slow.
SHRINKS = (8, 4, 2)
#: For smaller targets the rule is that of this side: fractions of tiny pictures round alike.
LEAST_SIDE = 16
#: Largest difference from Pillow's pixels, in levels of 255: none where both have the same
#: libjpeg-turbo, and rounding in colour conversion where they haven't.
PIXEL_BOUND = 2


def needed_side(size: int) -> int:
    """The least side in pixels that a picture may be decoded to, to be resized to ``size``."""
    return LEAST_RATIO * max(size, LEAST_SIDE)


def shrink_for(width: int, height: int, size: int | None) -> int:
    """By how much each side may be divided: 8, 4, 2 or 1; None never divides."""
    room = 1 if size is None else min(width, height) // needed_side(size)
    return next((shrink for shrink in SHRINKS if room >= shrink), 1)


def decode_jpeg(data: bytes, image: Image.Image, size: int | None) -> NDArray[np.uint8] | None:
    """The pixels as stored, uint8 RGB ``(h, w, 3)``; None where Pillow has to decode.

    That is for other formats, CMYK, files that aren't whole, and kinds of JPEG that only Pillow
    reads. ``image`` is the same file opened by Pillow, which has read its header; ``size`` is as
    for ``load_image``.
    """
    if simplejpeg is None or image.format not in {"JPEG", "MPO"} or image.mode not in {"RGB", "L"}:
        return None
    shrink = shrink_for(*image.size, size)
    width, height = (-(-side // shrink) for side in image.size)
    least = {"min_height": height, "min_width": width} if shrink > 1 else {}
    try:
        pixels: NDArray[np.uint8] = simplejpeg.decode_jpeg(data, "RGB", **least)
    except ValueError:  # damaged, if only a little: what comes of it is for Pillow to say
        return None
    return pixels if pixels.shape == (height, width, 3) else None


def decoder_name() -> str:
    """What decodes most JPEG files, with its version."""
    if simplejpeg is not None:
        return f"simplejpeg {version('simplejpeg')}"
    return f"pillow {PIL.__version__}, libjpeg-turbo {features.version('libjpeg_turbo')}"
