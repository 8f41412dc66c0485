"""Read pictures of many formats as upright 8-bit RGB pixels."""

from __future__ import annotations

import ctypes
import functools
import io
import logging
import threading
import warnings
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import numpy as np
import PIL
from PIL import Image, UnidentifiedImageError

from tl_core.errors import ImageError
from tl_core.jpeg import (
    FILLER,
    JPEG,
    JPEG_START,
    LEAST_RATIO,
    data_end,
    decode_jpeg,
    decoder_name,
    ended,
    ends_in_grey,
    needed_side,
)
from tl_core.limits import limits
from tl_core.picture_limits import OverLimitError, TimedFile, check_picture
from tl_core.pixels import LARGE, orientation_of, pixels_of, turned

if TYPE_CHECKING:
    from collections.abc import Iterator

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
#: What is raised for a picture that costs too much; the warning where warnings are errors.
COSTLY = OverLimitError, Image.DecompressionBombError, Image.DecompressionBombWarning
#: JPEG files of at most so many bytes are read without a look at the clock.
SHORT_JPEG = 1_000_000
#: The most bytes of memory in which all threads together decode; one picture is always allowed.
BYTES_AT_ONCE = 1_500_000_000

# Pillow refuses pictures of many pixels, and warns of half as many: ``picture_limits`` does that. A
# warning about EXIF that it could not read doesn't matter here. Set once and for all, since
# warnings.catch_warnings, around each picture, mixes up the filters of other threads.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
# Without any handler, Python prints what Pillow logs of a damaged picture.
logging.getLogger("PIL").addHandler(logging.NullHandler())


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
        ImageError: The file is absent, not a picture of one of ``FORMATS``, damaged, cut off, or
            would cost more than ``limits()`` allows.
    """
    name = name or _name_of(source)
    try:
        if isinstance(source, Image.Image):
            check_picture(source, b"", size)
            return pixels_of(source, size)
        return _from_file(_bytes_of(source), size)
    except FileNotFoundError as error:
        raise ImageError(_line(f"{name}: no such file; expected a picture")) from error
    except COSTLY as error:
        raise ImageError(
            _line(f"{name}: a picture that costs too much to read ({error}); make it smaller")
        ) from error
    except Exception as error:
        # A damaged picture can raise anything: struct.error in a header, RuntimeError in AVIF.
        what = f"{name}: not a picture that can be read ({error}); expected a whole JPEG, PNG, WebP"
        raise ImageError(
            _line(
                f"{what}, GIF, TIFF, BMP, PPM or AVIF file, or HEIC with {HEIF_PACKAGE} installed"
            )
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
    # libtiff would print what is wrong with a file. Where it can't be reached, it prints it.
    with suppress(OSError, AttributeError):
        pillow = ctypes.CDLL(Image.core.__file__)  # type: ignore[attr-defined]
        pillow.TIFFSetWarningHandler(None)
        pillow.TIFFSetErrorHandler(None)
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


def _line(text: str) -> str:
    """The text in one line, without codes that a terminal obeys."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)


def _opened(data: bytes) -> Image.Image:
    """The file opened by Pillow, not decoded; no program is started for any file."""
    formats = readable_formats()
    if Image.MAX_IMAGE_PIXELS is not None:  # what is allowed here; it is checked to the pixel later
        Image.MAX_IMAGE_PIXELS = max(Image.MAX_IMAGE_PIXELS, limits().picture_pixels)
    try:
        return Image.open(_readable(data), formats=formats)
    except UnidentifiedImageError as error:
        raise ImageError(f"it begins with {data[:15]!r}") from error


def _readable(data: bytes) -> io.BytesIO:
    """The file for Pillow, which reads a JPEG's header in dozens of small reads.

    A short one is read in C: its header can't take long, and ``check_picture`` limits its scans.
    """
    short = len(data) <= SHORT_JPEG and data.startswith(JPEG_START)
    return io.BytesIO(data) if short else TimedFile(data)


def _from_file(data: bytes, size: int | None) -> Pixels:
    with _opened(data) as image, _room.taken(check_picture(image, data, size)):
        if image.format in JPEG:
            return _from_jpeg(data, image, size)
        image.seek(0)
        return pixels_of(image, size)


def _from_jpeg(data: bytes, image: Image.Image, size: int | None) -> Pixels:
    stored = decode_jpeg(data, image, size)
    if stored is not None:
        upright = turned(stored, orientation_of(image))
        # A copy of a large picture would take as much memory again.
        return upright if upright.size > 3 * LARGE else np.ascontiguousarray(upright)
    end = data_end(data, image)
    pixels, is_grey = _jpeg_by_pillow(data if end is not None else ended(data, end), size)
    if is_grey or end is None:
        # libjpeg makes up what is missing. If it did, further data change the picture.
        more, _ = _jpeg_by_pillow(ended(data, end, FILLER), size)
        if not np.array_equal(pixels, more):
            raise ImageError("it is cut off: its data end before its last row")
    return pixels


def _jpeg_by_pillow(data: bytes, size: int | None) -> tuple[Pixels, bool]:
    """The pixels, and whether they end in the grey that stands for missing ones."""
    with _opened(data) as image:
        if size is not None:  # the fraction that ``decode_jpeg`` would take
            image.draft(None, (needed_side(size),) * 2)
        pixels = pixels_of(image, size)
        return pixels, ends_in_grey(image)


class _Room:
    """Limits the memory in which all threads decode at once."""

    def __init__(self, most: int) -> None:
        self._all = self._free = most
        self._changed = threading.Condition()

    @contextmanager
    def taken(self, memory: int) -> Iterator[None]:
        """Wait until so many bytes are within the limit, and count them in the block."""
        share = min(memory, self._all)
        with self._changed:
            self._changed.wait_for(lambda: self._free >= share)
            self._free -= share
        try:
            yield
        finally:
            with self._changed:
                self._free += share
                self._changed.notify_all()


_room = _Room(BYTES_AT_ONCE)
