"""The workload's images as JPEG files of a real size, for ``decode`` and ``pipeline (files)``.

Images in memory are enlarged to the commonest size of ImageNet's, and get the noise that a camera's
pictures have: without it a small image that was enlarged has a quarter of a photograph's bytes, and
decodes much faster. Images that are files already stay as they are.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from tl_core.data import Split
from tl_core.devices import usable_cpus
from tl_core.jpeg import decoder_name
from tl_core.sources import FileSource

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tl_core.data import DataSet

#: Pixels of a file, and JPEG's quality; colours are stored at half the resolution (4:2:0).
WIDTH, HEIGHT, QUALITY = 500, 375, 90
#: Standard deviation of the noise, in levels of 255: a file then has as many bytes as a photograph.
GRAIN = 8.0
#: What floors of jobs on such files are derived for.
FORM = f"jpeg {WIDTH}x{HEIGHT} q{QUALITY}"
#: The noise is fixed, and begins at another place in each file: a prime number further on.
SEED, STEP = 20180307, 7919


@dataclass(frozen=True)
class PictureFiles:
    """A data set's images as files in a folder, written when they are first asked for."""

    data: DataSet
    folder: Path

    def split(self, which: Literal["train", "test"], most: int | None = None) -> Split:
        """The first images of a split, all or ``most`` of them, as files."""
        split: Split = getattr(self.data, which)
        part = split if most is None else split.head(min(most, len(split)))
        if isinstance(part.images, FileSource):
            return part
        paths = [self.folder / which / f"{number:06}.jpg" for number in range(len(part))]
        paths[0].parent.mkdir(parents=True, exist_ok=True)

        def write(number: int) -> None:
            (pixels,) = part.images.take([number])
            write_picture(pixels, paths[number], number)

        with ThreadPoolExecutor(usable_cpus()) as pool:
            list(pool.map(write, [i for i, path in enumerate(paths) if not path.exists()]))
        return Split(FileSource(tuple(paths)), part.labels)

    def source(self, which: Literal["train", "test"], most: int) -> FileSource:
        """The images of ``split`` alone."""
        images = self.split(which, most).images
        assert isinstance(images, FileSource)
        return images


@dataclass(frozen=True)
class Decoding:
    """What was decoded, and by what: means over the files."""

    decoder: str
    bytes_per_image: float
    pixels_per_image: float


def decoding_of(source: FileSource) -> Decoding:
    """Sizes of files, as their headers say."""
    pixels = []
    for path in source.paths:
        with Image.open(path) as picture:
            pixels.append(picture.width * picture.height)
    sizes = [path.stat().st_size for path in source.paths]
    return Decoding(decoder_name(), float(np.mean(sizes)), float(np.mean(pixels)))


def write_picture(pixels: NDArray[np.uint8], path: Path, number: int) -> None:
    """Write an image, uint8 RGB ``(h, w, 3)``, as the ``number``-th of such files."""
    picture = Image.fromarray(pixels).resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)
    noisy = np.asarray(picture) + np.roll(_noise(), number * STEP)
    Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(path, "JPEG", quality=QUALITY)


@cache
def _noise() -> NDArray[np.int16]:
    rng = np.random.default_rng(SEED)
    return np.rint(rng.normal(0, GRAIN, (HEIGHT, WIDTH, 3))).astype(np.int16)
