"""Upright RGB pixels of a picture that Pillow has opened.

Pillow's pictures are converted strip by strip: a converted copy of the whole would take several
times the memory.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import ExifTags, Image

from tl_core.jpeg import needed_side

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

#: The colour behind transparent pixels, as in a browser or on paper.
BACKGROUND = (255, 255, 255)
#: Pictures of more pixels are reduced to a fraction of their size if that is enough, in any format.
LARGE = 32_000_000
#: Pixels that are converted at once.
STRIP = 1_000_000
#: The operation that undoes each EXIF orientation; 1 is upright.
TURNS: dict[int, Callable[[Pixels], Pixels]] = {
    2: lambda stored: stored[:, ::-1],
    3: lambda stored: stored[::-1, ::-1],
    4: lambda stored: stored[::-1],
    5: lambda stored: stored.transpose(1, 0, 2),
    6: lambda stored: np.rot90(stored, -1),
    7: lambda stored: stored[::-1, ::-1].transpose(1, 0, 2),
    8: lambda stored: np.rot90(stored, 1),
}
#: The orientation whose turn goes back, where it isn't the same one.
BACK = {6: 8, 8: 6}
#: Orientations of pictures that lie on their side.
SIDEWAYS = frozenset({5, 6, 7, 8})


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation of a picture that is loaded, 1 to 8; 1 without one that counts."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
        return int(orientation) if orientation in TURNS else 1
    except Exception:  # noqa: BLE001 - damaged EXIF can raise anything, and is then ignored
        return 1


def turned(stored: Pixels, orientation: int) -> Pixels:
    """A view of pixels ``(h, w, 3)`` that undoes an EXIF orientation."""
    return TURNS[orientation](stored) if orientation in TURNS else stored


def reduction(width: int, height: int, size: int | None) -> int:
    """The divisor of each side of a picture that Pillow decodes; 1 for one that isn't large."""
    if size is None or width * height <= LARGE:
        return 1
    return max(1, min(width, height) // needed_side(size))


def pixels_of(image: Image.Image, size: int | None) -> Pixels:
    """Load a picture: uint8 RGB ``(h, w, 3)``, upright; ``size`` is as for ``load_image``."""
    image.load()
    orientation = orientation_of(image)
    factor = reduction(*image.size, size)
    width, height = (-(-side // factor) for side in image.size)
    shape = (width, height, 3) if orientation in SIDEWAYS else (height, width, 3)
    pixels = np.empty(shape, np.uint8)
    stored = turned(pixels, BACK.get(orientation, orientation))
    rows = max(1, STRIP // (image.width * factor)) * factor
    for top in range(0, image.height, rows):
        end = min(top + rows, image.height)
        whole = rows >= image.height
        strip = image if whole else image.crop((0, top, image.width, end))
        stored[top // factor : -(-end // factor)] = np.asarray(_to_rgb(strip, factor))
    return pixels


def _to_rgb(image: Image.Image, factor: int) -> Image.Image:
    image = _to_8_bit(image)
    mode = "RGBA" if image.has_transparency_data else "RGB"
    flat = image if image.mode == mode else image.convert(mode)
    if factor > 1:
        flat = flat.reduce(factor)
    if mode == "RGB":
        return flat
    background = Image.new("RGBA", flat.size, (*BACKGROUND, 255))
    return Image.alpha_composite(background, flat).convert("RGB")


def _to_8_bit(image: Image.Image) -> Image.Image:
    """Scale the deep grey modes to mode L; Pillow's own conversion only clips them."""
    if image.mode.startswith("I"):  # 16 bits, stored as I;16 or in the 32-bit mode I
        deep = np.asarray(image).astype(np.float64).clip(0, 65535)
        return Image.fromarray(np.rint(deep / 257).astype(np.uint8))  # 65535 / 255 = 257
    if image.mode == "F":
        unit = np.nan_to_num(np.asarray(image)).clip(0, 1)
        return Image.fromarray(np.rint(unit * 255).astype(np.uint8))
    return image
