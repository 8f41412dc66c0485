"""Read pictures of many formats as upright 8-bit RGB pixels."""

from __future__ import annotations

import functools
import io
import threading
import warnings
from contextlib import contextmanager
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import PIL
from PIL import ExifTags, Image, UnidentifiedImageError

from tl_core.errors import ImageError
from tl_core.jpeg import LEAST_RATIO, decode_jpeg, decoder_name, needed_side

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    Pixels = NDArray[np.uint8]

#: Pillow's names of the formats that are read. Its other formats are not photographs, and their
#: readers are old.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "PPM", "AVIF")
#: File name endings that a folder of pictures is searched for, lower case.
IMAGE_SUFFIXES = frozenset(
    {
        *(".avif", ".bmp", ".gif", ".jfif", ".jpe", ".jpeg", ".jpg", ".png"),
        *(".pgm", ".pnm", ".ppm", ".tif", ".tiff", ".webp"),
    }
)
#: The endings of the format that phones save, which needs an extra package.
HEIF_SUFFIXES = frozenset({".heic", ".heif"})
HEIF_PACKAGE = "pillow-heif"
#: The colour behind transparent pixels, as in a browser or on paper.
BACKGROUND = (255, 255, 255)
#: The most pixels that a picture may have: phones take pictures of 200 million.
MOST_PIXELS = 400_000_000
#: The most pixels that all threads together decode at once; one picture is always allowed.
PIXELS_AT_ONCE = 256_000_000
#: Pictures of more pixels are reduced to a fraction of their size if that is enough, in any format.
LARGE = 32_000_000
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

# Pillow warns of a picture that is large enough to be an attack, then refuses one of twice as many
# pixels; a warning about EXIF that it could not read doesn't matter here. Set once and for all,
# since warnings.catch_warnings, around each picture, mixes up the filters of other threads.
if Image.MAX_IMAGE_PIXELS is not None:
    Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, MOST_PIXELS // 2)
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


def load_image(
    source: str | PathLike[str] | bytes | BinaryIO | Image.Image,
    *,
    size: int | None = None,
    name: str | None = None,
) -> NDArray[np.uint8]:
    """Read a picture as a person would see it.

    The first frame of an animation; turned upright by its EXIF orientation; palettes looked up;
    transparency laid over white; grey repeated over three channels; CMYK converted; 16-bit
    grey scaled to 8 bits; 32-bit float grey taken as [0, 1] and clipped.

    Args:
        source: A path, a file's bytes, a file opened for reading bytes, or a Pillow image.
        size: The side in pixels to which the picture will be resized. A much larger JPEG, or other
            picture of more than ``LARGE`` pixels, is then read at a fraction of its size; each side
            keeps at least ``LEAST_RATIO`` times ``size``. None reads it at its own size.
        name: Its name in errors; None takes the path.

    Returns:
        uint8 pixels ``(height, width, 3)``, RGB, 0 to 255.

    Raises:
        ImageError: The file is absent, not a picture of one of ``FORMATS``, or damaged.
    """
    name = name or _name_of(source)
    try:
        if isinstance(source, Image.Image):
            return _by_pillow(source, size)
        return _from_file(_bytes_of(source), size)
    except FileNotFoundError as error:
        raise ImageError(f"{name}: no such file; expected a picture") from error
    except Exception as error:
        # A damaged picture can raise anything: struct.error in a header, RuntimeError in AVIF.
        raise ImageError(
            f"{name}: not a picture that can be read ({error}); expected a whole JPEG, PNG, WebP, "
            f"GIF, TIFF, BMP, PPM or AVIF file, or HEIC with {HEIF_PACKAGE} installed"
        ) from error


def decoder_facts() -> dict[str, object]:
    """All that pixels depend on besides the file and the requested size, as JSON."""
    return {
        "jpeg": decoder_name(),
        "pillow": PIL.__version__,
        "fractions": {"least_ratio": LEAST_RATIO, "large": LARGE},
    }


@functools.cache
def readable_formats() -> tuple[str, ...]:
    """Pillow's names of ``FORMATS`` that this installation reads, and HEIF with its package."""
    Image.init()
    if find_spec("pillow_heif"):
        import pillow_heif

        pillow_heif.register_heif_opener()
    return tuple(each for each in (*FORMATS, "HEIF") if each in Image.OPEN)


def _name_of(source: object) -> str:
    if isinstance(source, (str, Path)):
        return str(source)
    return str(getattr(source, "filename", None) or getattr(source, "name", None) or "picture")


def _bytes_of(source: str | PathLike[str] | bytes | BinaryIO) -> bytes:
    if isinstance(source, bytes):
        return source
    if isinstance(source, (str, PathLike)):
        return Path(source).read_bytes()
    if source.seekable():
        source.seek(0)
    return source.read()


def _from_file(data: bytes, size: int | None) -> Pixels:
    try:
        opened = Image.open(io.BytesIO(data), formats=readable_formats())
    except UnidentifiedImageError as error:
        raise ImageError(f"it begins with {data[:15]!r}") from error
    with opened as image, _room.taken(image.width * image.height):
        stored = decode_jpeg(data, image, size)
        if stored is not None:
            return _upright(stored, image)
        image.seek(0)
        if size is not None:  # only JPEG has it: the same fraction
            image.draft(None, (needed_side(size),) * 2)
        return _by_pillow(image, size)


def _by_pillow(image: Image.Image, size: int | None) -> Pixels:
    image.load()
    return _upright(np.array(_to_rgb(image, size), dtype=np.uint8), image)


def _upright(stored: Pixels, image: Image.Image) -> Pixels:
    """Undo the EXIF orientation of ``image``, after Pillow has loaded it or instead."""
    try:
        turn = TURNS.get(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - damaged EXIF can raise anything, and is then ignored
        turn = None
    return np.ascontiguousarray(turn(stored)) if turn else stored


def _to_rgb(image: Image.Image, size: int | None) -> Image.Image:
    image = _to_8_bit(image)
    mode = "RGBA" if image.has_transparency_data else "RGB"
    flat = image if image.mode == mode else image.convert(mode)
    if size is not None and flat.width * flat.height > LARGE:
        flat = flat.reduce(max(1, min(flat.size) // needed_side(size)))
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


class _Room:
    """Limits the pixels that all threads decode at once, so that memory is bounded."""

    def __init__(self, pixels: int) -> None:
        self._all = self._free = pixels
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, pixels: int) -> Iterator[None]:
        """Wait until this many pixels are within the limit, and count them in the block."""
        share = min(pixels, self._all)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= share)
            self._free -= share
        try:
            yield
        finally:
            with self._changed:
                self._free += share
                self._changed.notify_all()


_room = _Room(PIXELS_AT_ONCE)
