"""Images by position, in memory or in files: uint8 at their own size until they are used."""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass, field
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, Self

import numpy as np

from tl_core.errors import ImageError
from tl_core.images import load_image
from tl_core.resize import checked_pixels

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray


class ImageSource(Protocol):
    """What every user of images needs: their number, and the images at some positions."""

    def __len__(self) -> int:
        """Number of images."""

    def take(
        self, indices: Sequence[int] | NDArray[np.integer], size: int | None = None
    ) -> list[NDArray[np.uint8]]:
        """The images at these positions, each uint8 RGB ``(h, w, 3)`` at its own size.

        ``size`` is the side in pixels to which they will be resized; much larger files may be read
        at a fraction of their size.
        """

    def head(self, n: int) -> ImageSource:
        """The first ``n`` images."""

    def pick(self, indices: Sequence[int] | NDArray[np.integer]) -> ImageSource:
        """A source of the images at these positions, in this order."""


@dataclass(frozen=True)
class ArraySource:
    """Images in memory, uint8 RGB ``(n, h, w, 3)``."""

    pixels: NDArray[np.uint8]

    def __post_init__(self) -> None:
        checked_pixels(self.pixels, 4)

    def __len__(self) -> int:
        return len(self.pixels)

    def take(
        self, indices: Sequence[int] | NDArray[np.integer], size: int | None = None
    ) -> list[NDArray[np.uint8]]:
        """The images at these positions, as views."""
        del size
        return [self.pixels[i] for i in indices]

    def head(self, n: int) -> ArraySource:
        """The first ``n`` images, without a copy."""
        return ArraySource(self.pixels[:n])

    def pick(self, indices: Sequence[int] | NDArray[np.integer]) -> ArraySource:
        """A copy of the images at these positions."""
        return ArraySource(self.pixels[np.asarray(indices, dtype=np.intp)])


class FileReader:
    """Reads files, and remembers the sha256 of each, and which can't be used as pictures.

    Training opens each file once: bytes that were read for their digest can be held until they
    are decoded.
    """

    def __init__(self) -> None:
        self._digests: dict[Path, str] = {}
        self._held: dict[Path, bytes] = {}
        self._errors: dict[str, str] = {}

    def read(self, path: Path) -> bytes:
        """The file's bytes, from memory if they are held; ImageError if it can't be read."""
        blob = self._held.pop(path, None)
        if blob is None:
            try:
                blob = path.read_bytes()
            except FileNotFoundError as error:
                raise ImageError(f"{path}: no such file; expected a picture") from error
            except OSError as error:
                raise ImageError(
                    f"{path}: can't be read ({error.strerror}); expected a picture"
                ) from error
            self._digests[path] = hashlib.sha256(blob).hexdigest()
        return blob

    def digest(self, path: Path, hold: Callable[[str], bool] = lambda _: False) -> str:
        """The sha256 of the file as last read, 64 hexadecimal digits; reads it if necessary.

        ``hold`` decides from the digest whether bytes that were just read are held for ``read``.
        """
        if path not in self._digests:
            self._held[path] = self.read(path)
        digest = self._digests[path]
        if not hold(digest):
            self._held.pop(path, None)
        return digest

    def note(self, path: Path, error: ImageError) -> None:
        """Remember why a file, or another one of the same content, can't be used."""
        self._errors[self._digests.get(path, str(path))] = str(error)

    def error(self, path: Path) -> str | None:
        """Why a file can't be used, as noted; None for one that can, as far as is known."""
        return self._errors.get(self._digests.get(path, str(path))) if self._errors else None


@dataclass(frozen=True)
class FileSource:
    """Picture files in any format that ``load_image`` reads, decoded each time they are taken.

    A source and its parts share their reader.
    """

    paths: tuple[Path, ...]
    reader: FileReader = field(default_factory=FileReader, compare=False, repr=False)

    def __len__(self) -> int:
        return len(self.paths)

    def take(
        self, indices: Sequence[int] | NDArray[np.integer], size: int | None = None
    ) -> list[NDArray[np.uint8]]:
        """The pictures at these positions, decoded now."""
        paths = [self.paths[i] for i in indices]
        return [load_image(self.reader.read(path), size=size, name=str(path)) for path in paths]

    def head(self, n: int) -> Self:
        """The first ``n`` files."""
        return type(self)(self.paths[:n], self.reader)

    def pick(self, indices: Sequence[int] | NDArray[np.integer]) -> Self:
        """The files at these positions."""
        return type(self)(tuple(self.paths[i] for i in indices), self.reader)

    def digest(self, index: int, hold: Callable[[str], bool]) -> str:
        """As ``digest_of``."""
        return self.reader.digest(self.paths[index], hold)


class TolerantFiles(FileSource):
    """Picture files of which some may be unreadable: these are black, and ``error`` says why.

    It is known once they were taken. The features of a black picture mean nothing: leave out its
    position, or see ``DataSet.readable``.
    """

    def take(
        self, indices: Sequence[int] | NDArray[np.integer], size: int | None = None
    ) -> list[NDArray[np.uint8]]:
        """The pictures at these positions, decoded now; unreadable ones have one pixel."""
        return [self._one(int(i), size) for i in indices]

    def _one(self, index: int, size: int | None) -> NDArray[np.uint8]:
        try:
            (pixels,) = super().take([index], size)
        except ImageError as error:
            self.reader.note(self.paths[index], error)
            return np.zeros((1, 1, 3), np.uint8)
        return pixels

    def digest(self, index: int, hold: Callable[[str], bool]) -> str:
        """As ``digest_of``; of a file that can't be opened, the digest of its name."""
        try:
            return super().digest(index, hold)
        except ImageError as error:
            path = self.paths[index]
            self.reader.note(path, error)
            return hashlib.sha256(bytes(path)).hexdigest()


def error_at(source: ImageSource, index: int) -> str | None:
    """Why an image can't be used; None for one that can, as far as is known."""
    if not isinstance(source, TolerantFiles):
        return None
    return source.reader.error(source.paths[index])


def readable(source: ImageSource) -> NDArray[np.intp]:
    """Positions of the images that can be used, as far as is known."""
    return np.array([i for i in range(len(source)) if error_at(source, i) is None], np.intp)


def digest_of(
    source: ImageSource, index: int, hold: Callable[[str], bool] = lambda _: False
) -> str:
    """The sha256 of an image, 64 hexadecimal digits: of a file's bytes, else of shape and pixels.

    For ``hold`` see ``FileReader.digest``.
    """
    if isinstance(source, FileSource):
        return source.digest(index, hold)
    (image,) = source.take((index,))
    # The shape tells 2 x 8 pixels from 4 x 4.
    whole = hashlib.sha256(struct.pack("<3q", *image.shape))
    whole.update(np.ascontiguousarray(image).data)
    return whole.hexdigest()


def as_source(images: object) -> ImageSource:
    """An ``ImageSource`` of images in any supported form; else ImageError.

    The forms are a source; uint8 RGB ``(n, h, w, 3)`` or one ``(h, w, 3)``; a path; or a sequence
    of paths.
    """
    if isinstance(images, np.ndarray):
        return ArraySource(images[None] if images.ndim == 3 else images)
    if isinstance(images, (str, PathLike)):
        return FileSource((Path(fspath(images)),))
    if isinstance(images, (list, tuple)) and all(isinstance(i, (str, PathLike)) for i in images):
        return FileSource(tuple(Path(i) for i in images))
    if hasattr(images, "take") and hasattr(images, "head"):
        return images  # type: ignore[return-value]
    raise ImageError(
        f"images of type {type(images).__name__}: expected a uint8 array (n, h, w, 3), a path, or "
        "a list of paths"
    )
