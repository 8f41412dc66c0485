"""Images by number: in memory or in files, uint8 at their own size until they are used."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tl_core.errors import ImageError
from tl_core.images import load_image
from tl_core.resize import checked_pixels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


class ImageSource(Protocol):
    """What every consumer of images needs: how many there are, and some of them."""

    def __len__(self) -> int:
        """Number of images."""

    def take(
        self, indices: Sequence[int] | NDArray[np.integer], size: int | None = None
    ) -> list[NDArray[np.uint8]]:
        """The images at these positions, each uint8 RGB ``(h, w, 3)`` at its own size.

        ``size`` is the side in pixels that they will be resized to; much larger files may come at a
        fraction of their size.
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


@dataclass(frozen=True)
class FileSource:
    """Picture files in any format that ``load_image`` reads, read each time they are asked for."""

    paths: tuple[Path, ...]

    def __len__(self) -> int:
        return len(self.paths)

    def take(
        self, indices: Sequence[int] | NDArray[np.integer], size: int | None = None
    ) -> list[NDArray[np.uint8]]:
        """The pictures at these positions, decoded now."""
        return [load_image(self.paths[i], size=size) for i in indices]

    def head(self, n: int) -> FileSource:
        """The first ``n`` files."""
        return FileSource(self.paths[:n])

    def pick(self, indices: Sequence[int] | NDArray[np.integer]) -> FileSource:
        """The files at these positions."""
        return FileSource(tuple(self.paths[i] for i in indices))


def as_source(images: object) -> ImageSource:
    """An ``ImageSource`` of whatever images are in; else ImageError.

    That is a source; uint8 RGB ``(n, h, w, 3)`` or one ``(h, w, 3)``; a path; or paths in sequence.
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
