"""What decoding a picture would cost, from its header: checked before the cost is paid.

A file of some kilobytes can ask for gigabytes and minutes. Nothing here decodes.
"""

from __future__ import annotations

import io
import time
from contextlib import suppress
from typing import TYPE_CHECKING

from tl_core.errors import ImageError
from tl_core.jpeg import JPEG, coefficients, scans, shrink_for
from tl_core.limits import limits
from tl_core.pixels import reduction

if TYPE_CHECKING:
    from PIL import Image

#: The longest side of a picture in pixels. JPEG, WebP and GIF have at most 65,535.
MOST_SIDE = 100_000
#: Bytes that decoding a pixel takes by Pillow, where they are more than its own picture: libwebp,
#: libavif and libheif have pictures of their own, which Pillow copies. Measured on 25 megapixels.
DECODERS = {"WEBP": 16, "AVIF": 10, "HEIF": 6}
#: Bytes of a pixel in Pillow's modes; all others have four.
MODES = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2, "I;16N": 2}
#: Pixels of a scan of a progressive JPEG that are decoded per second, however few bytes the scan
#: has: measured 1.5 billion, and a damaged file is decoded up to four times.
SCAN_RATE = 300_000_000
#: TIFF's tags of a tile's sides, of the rows of a strip, and of bits and samples per pixel.
TILE_WIDTH, TILE_HEIGHT, STRIP_ROWS, BITS, SAMPLES = 322, 323, 278, 258, 277


class OverLimitError(ImageError):
    """A picture that would cost more than ``limits.Limits`` allows."""


class TimedFile(io.BytesIO):
    """A file in memory that can be read only for so long: Pillow parses and decodes as it reads.

    The time is this thread's on a CPU: a busy machine makes no picture unreadable.
    """

    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        self._most = limits().picture_seconds
        self._end = time.thread_time() + self._most

    def read(self, size: int | None = -1, /) -> bytes:
        """The next bytes; OverLimitError when the time is over."""
        if time.thread_time() > self._end:
            raise OverLimitError(f"decoding takes longer than the limit of {self._most} s")
        return super().read(size)


def check_picture(image: Image.Image, data: bytes, size: int | None) -> int:
    """Bytes of memory to decode a picture; OverLimitError for one that costs too much.

    Args:
        image: Opened by Pillow, not decoded.
        data: Its file; empty for a picture that has none.
        size: As for ``load_image``.
    """
    allowed = limits()
    width, height = _decoded_sides(image)
    _check(max(width, height), MOST_SIDE, "pixels on a side")
    _check(width * height, allowed.picture_pixels, "pixels")
    scan_count = scans(data, image) if image.format in JPEG else 0
    memory = _memory(image, data, size, scan_count)
    _check(memory, allowed.picture_bytes, "bytes of memory to decode it")
    seconds = round(scan_count * width * height / SCAN_RATE)
    _check(seconds, allowed.picture_seconds, "seconds to decode all its scans")
    return memory


def _check(cost: int, most: int, what: str) -> None:
    if cost > most:
        raise OverLimitError(f"{cost:,} {what}: the limit is {most:,}")


def _memory(image: Image.Image, data: bytes, size: int | None, scan_count: int) -> int:
    """Bytes to decode a picture, with its file and RGB pixels; a JPEG's with its scans."""
    pixels = image.width * image.height
    if image.format in JPEG:
        shrink = shrink_for(*image.size, size)
        by_pillow = 4 if image.mode == "CMYK" else 0
        own = len(data) + (3 + by_pillow) * pixels // shrink**2
        return own + (coefficients(image) if scan_count > 1 else 0)
    stored = max(MODES.get(image.mode, 4), DECODERS.get(str(image.format), 0))
    rgb = 3 * pixels // reduction(*image.size, size) ** 2
    return len(data) + stored * pixels + _tile_bytes(image) + rgb


def _tags(image: Image.Image) -> dict[int, int]:
    """A TIFF's layout, whole numbers by tag; empty for other formats."""
    if image.format != "TIFF":
        return {}
    own, tags = getattr(image, "tag_v2", {}), {}
    for tag in (TILE_WIDTH, TILE_HEIGHT, STRIP_ROWS, BITS, SAMPLES):
        with suppress(KeyError, TypeError, ValueError):
            value = own[tag]
            tags[tag] = int(max(value) if isinstance(value, tuple) else value)
    return {tag: value for tag, value in tags.items() if value > 0}


def _decoded_sides(image: Image.Image) -> tuple[int, int]:
    """Width and height with all of the last tiles, which libtiff decodes, too."""
    tags = _tags(image)
    tile = tags.get(TILE_WIDTH, 1), tags.get(TILE_HEIGHT, 1)
    width, height = (-(-side // each) * each for side, each in zip(image.size, tile, strict=True))
    return width, height


def _tile_bytes(image: Image.Image) -> int:
    """What libtiff decodes at once: a tile, or a strip of rows."""
    if image.format != "TIFF" or not image.tile or image.tile[0].codec_name != "libtiff":  # type: ignore[attr-defined]
        return 0
    tags = _tags(image)
    width = tags.get(TILE_WIDTH, image.width)
    rows = tags.get(TILE_HEIGHT, min(tags.get(STRIP_ROWS, image.height), image.height))
    return width * rows * tags.get(SAMPLES, 1) * -(-tags.get(BITS, 8) // 8)
