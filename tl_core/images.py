"""Any picture that people have, as upright 8-bit RGB pixels."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
from PIL import Image, ImageOps

from tl_core.errors import ImageError

if TYPE_CHECKING:
    from os import PathLike

    from numpy.typing import NDArray

#: File name endings that a folder of pictures is searched for, lower case.
IMAGE_SUFFIXES = frozenset(
    {".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".pgm", ".tif", ".tiff", ".webp"}
)
#: The colour behind transparent pixels, as in a browser or on paper.
BACKGROUND = (255, 255, 255)

# Pillow warns of a picture that is large enough to be an attack, then refuses a larger one; a
# warning about EXIF that it could not read doesn't matter here. Set once and for all, since
# warnings.catch_warnings, around each picture, mixes up the filters of other threads.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


def load_image(source: str | PathLike[str] | BinaryIO | Image.Image) -> NDArray[np.uint8]:
    """Read a picture as a person would see it.

    The first frame of an animation; turned upright by its EXIF orientation; palettes looked up;
    transparency laid over white; grey repeated over three channels; CMYK converted; 16-bit
    grey scaled to 8 bits; 32-bit float grey taken as [0, 1] and clipped.

    Args:
        source: A path, a file opened for reading bytes, or a Pillow image.

    Returns:
        uint8 pixels ``(height, width, 3)``, RGB, 0 to 255.

    Raises:
        ImageError: The file is absent, is no picture, or is damaged.
    """
    name = _name_of(source)
    try:
        if isinstance(source, Image.Image):
            return _to_rgb(source)
        with Image.open(source) as image:
            image.seek(0)
            return _to_rgb(image)
    except FileNotFoundError as error:
        raise ImageError(f"{name}: no such file; expected a picture") from error
    except Exception as error:
        # A damaged picture can raise anything: struct.error in EXIF, RuntimeError in AVIF.
        raise ImageError(
            f"{name}: not a picture that can be read ({error}); expected a whole JPEG, PNG, GIF, "
            "WebP, TIFF, BMP or other file that Pillow opens"
        ) from error


def _name_of(source: object) -> str:
    if isinstance(source, (str, Path)):
        return str(source)
    return str(getattr(source, "filename", None) or getattr(source, "name", None) or "picture")


def _to_rgb(image: Image.Image) -> NDArray[np.uint8]:
    upright = ImageOps.exif_transpose(image)
    return np.array(_without_alpha(_to_8_bit(upright)).convert("RGB"), dtype=np.uint8)


def _to_8_bit(image: Image.Image) -> Image.Image:
    """Scale the deep grey modes to mode L; Pillow's own conversion only clips them."""
    if image.mode.startswith("I"):  # 16 bits, stored as I;16 or in the 32-bit mode I
        deep = np.asarray(image).astype(np.float64).clip(0, 65535)
        return Image.fromarray(np.rint(deep / 257).astype(np.uint8))  # 65535 / 255 = 257
    if image.mode == "F":
        unit = np.nan_to_num(np.asarray(image)).clip(0, 1)
        return Image.fromarray(np.rint(unit * 255).astype(np.uint8))
    return image


def _without_alpha(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image
    rgba = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", rgba.size, (*BACKGROUND, 255)), rgba)
