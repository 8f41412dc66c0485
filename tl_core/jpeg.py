"""Decode JPEG by libjpeg-turbo directly, at a fraction of its size if that is enough.

Pillow, the reference, also decodes by libjpeg-turbo. But it then copies each pixel three times:
into four bytes, back into three, and into the array. ``simplejpeg`` writes into the array directly.
"""

from __future__ import annotations

import re
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
#: Pillow's names of JPEG files; those of several pictures begin with the one that is read.
JPEG = frozenset({"JPEG", "MPO"})
#: How every JPEG file begins.
JPEG_START = b"\xff\xd8"
#: Markers: a scan begins, the picture ends, data have restarts.
SCAN, END, RESTARTS = b"\xff\xda", b"\xff\xd9", b"\xff\xdd\x00\x04"
#: What ends the data of a scan without restarts, and with them.
DATA_END, RESTART_DATA_END = (
    re.compile(pattern, re.DOTALL)
    for pattern in (rb"\xff+[^\x00\xff]", rb"\xff+[^\x00\xd0-\xd7\xff]")
)
#: Markers without a segment.
BARE = frozenset({0x00, 0x01, *range(0xD0, 0xDA)})
#: Looks like the data of a scan. Put at the end of the last one, it is decoded only if that ends
#: before the picture does.
FILLER = bytes(83 * i % 251 for i in range(4096))
#: Values of a grey pixel that libjpeg makes up where the data have ended, in any colour space.
GREY = range(127, 130)
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
    if simplejpeg is None or image.format not in JPEG or image.mode not in {"RGB", "L"}:
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


def first_scan(data: bytes) -> int:
    """Where the marker of the first scan stands; the file's length if there is none."""
    at = 2
    while 0 <= (at := data.find(b"\xff", at)) < len(data) - 4:
        marker = data[at + 1]
        if marker == SCAN[1]:
            return at
        if marker in BARE:
            at += 2
        else:  # a byte 255 may stand before the marker any number of times
            at += 1 if marker == 0xFF else 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return len(data)


def scans(data: bytes, image: Image.Image) -> int:
    """How many scans a JPEG file has at most; 1 for an ordinary one, whose data aren't searched."""
    start = first_scan(data)
    interleaved = start == len(data) or data[start + 4] == image.layers  # type: ignore[attr-defined]
    if interleaved and not {"progressive", "progression"} & image.info.keys():
        return 1
    return data.count(SCAN, start)


def coefficients(image: Image.Image) -> int:
    """Bytes that libjpeg holds while it decodes several scans: two for each sample."""
    factors = [(across, down) for _, across, down, _ in image.layer]  # type: ignore[attr-defined]
    most: int = max(across for across, _ in factors) * max(down for _, down in factors)
    samples: int = sum(across * down for across, down in factors)
    return 2 * samples * image.width * image.height // max(1, most)


def data_end(data: bytes, image: Image.Image) -> int | None:
    """Where the data of the last scan end; None if nothing ends them: the file is cut off.

    A damaged byte can look like a marker, and then ends the data of a single scan, too.
    """
    start = first_scan(data)
    if scans(data, image) > 1:
        end = data.find(END, start)
        return end if end >= 0 else None
    header = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    found = (RESTART_DATA_END if RESTARTS in data[:start] else DATA_END).search(data, header)
    return found.start() if found else None


def ended(data: bytes, end: int | None, filler: bytes = b"") -> bytes:
    """A file with all of its data and a filler, but nothing behind; ``end`` is its ``data_end``."""
    return data[:end].rstrip(b"\xff") + filler + END


def ends_in_grey(image: Image.Image) -> bool:
    """Whether the last pixel of a decoded picture is the grey that libjpeg makes up."""
    last = image.getpixel((image.width - 1, image.height - 1))
    return all(value in GREY for value in (last if isinstance(last, tuple) else (last,)))
