"""JPEG files cut from the embedded photographs: real detail, in any number and of any size."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tl_core.devices import usable_cpus
from tl_core.images import load_image
from tl_core.photographs import photographs

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

#: JPEG's quality; colours are stored at half the resolution.
QUALITY = 90
SEED = 20180307
#: Parts of a photograph along each side that a crop's place is named by.
GRID = 3


def write_photographs(folder: Path, count: int, width: int, height: int) -> list[Path]:
    """Write so many crops at random places, every other one mirrored, each ten of ten photographs.

    A photograph that is smaller than a crop is enlarged. Files that are there stay.
    """
    photos = [load_image(path) for path in photographs().values()]
    paths = [folder / f"{number:06}.jpg" for number in range(count)]

    def write(number: int) -> None:
        crop = _crop(photos[number % len(photos)], width, height, number)[0]
        crop = crop[:, :: -1 if number // len(photos) % 2 else 1]
        Image.fromarray(crop).save(paths[number], "JPEG", quality=QUALITY)

    with ThreadPoolExecutor(usable_cpus()) as pool:
        list(pool.map(write, [i for i, path in enumerate(paths) if not path.exists()]))
    return paths


def write_parts(folder: Path, count: int, width: int, height: int) -> tuple[list[Path], list[int]]:
    """Write crops as they are, with labels: which part of which photograph is this?

    Neighbouring parts look alike, so that a head has to use detail, and errs.
    """
    photos = [load_image(path) for path in photographs().values()]
    paths, labels = [], []
    for number in range(count):
        which = number % len(photos)
        crop, part = _crop(photos[which], width, height, number)
        paths.append(folder / f"{number:06}.jpg")
        labels.append(which * GRID**2 + part)
        Image.fromarray(crop).save(paths[-1], "JPEG", quality=QUALITY)
    return paths, labels


def _crop(
    photo: NDArray[np.uint8], width: int, height: int, number: int
) -> tuple[NDArray[np.uint8], int]:
    """The ``number``-th crop of a photograph, and in which part of it that lies."""
    scale = max(1.0, width / photo.shape[1], height / photo.shape[0])
    if scale > 1:
        side = (round(photo.shape[1] * scale), round(photo.shape[0] * scale))
        photo = np.asarray(Image.fromarray(photo).resize(side, Image.Resampling.LANCZOS))
    y, x = np.random.default_rng((SEED, number)).random(2)
    top, left = round(y * (photo.shape[0] - height)), round(x * (photo.shape[1] - width))
    crop = np.ascontiguousarray(photo[top : top + height, left : left + width])
    return crop, int(y * GRID) * GRID + int(x * GRID)
