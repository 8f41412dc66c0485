"""Data sets as folders of pictures, as people have them, with test sets that can show a point.

No picture overlaps another: cross-validated accuracies would be too high, as of photo-patches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tl_core.data import DataSet, Split, load_data
from tl_core.data.dataset import stratified_split
from tl_core.data.photo_patches import CONTRAST
from tl_core.images import load_image
from tl_core.photographs import photographs
from tl_core.sources import ArraySource

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

#: Side of a tile in pixels, and most tiles of a photograph.
TILE, MOST_TILES = 24, 400
#: Share of tiles and digits that are test images.
TEST_SHARE = 0.6
#: Training and test images of CIFAR-10: sizes that take minutes.
CIFAR10 = 8_000, 5_000
SEED = 20180307


def tiles() -> DataSet:
    """Which photograph is this from? The embedded photographs, cut into tiles of 24 x 24 pixels."""
    files = photographs()
    parts = [_tiles(load_image(path)) for path in files.values()]
    labels = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    return _divided("tiles", tuple(files), np.concatenate(parts), labels)


def _tiles(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Tiles of a photograph without flat ones, in random order, uint8 ``(n, 24, 24, 3)``."""
    rows, columns = photo.shape[0] // TILE, photo.shape[1] // TILE
    whole = photo[: rows * TILE, : columns * TILE].reshape(rows, TILE, columns, TILE, 3)
    cut = whole.swapaxes(1, 2).reshape(-1, TILE, TILE, 3)
    contrast = cut.max(axis=(1, 2, 3)) - cut.min(axis=(1, 2, 3))
    good = np.flatnonzero(contrast >= CONTRAST)
    chosen: NDArray[np.uint8] = cut[np.random.default_rng(SEED).permutation(good)[:MOST_TILES]]
    return chosen


def digits() -> DataSet:
    """scikit-learn's handwritten digits, divided anew: most of them are test images."""
    data = load_data("digits")
    splits = data.train, data.test
    pixels = np.stack([image for each in splits for image in each.images.take(range(len(each)))])
    return _divided(
        "digits", data.class_names, pixels, np.concatenate([each.labels for each in splits])
    )


def cifar10() -> DataSet:
    """The first images of CIFAR-10, which must be at hand or allowed to be downloaded."""
    return load_data("cifar10").head(*CIFAR10)


def _divided(
    name: str, classes: tuple[str, ...], pixels: NDArray[np.uint8], labels: NDArray[np.int64]
) -> DataSet:
    parts = stratified_split(labels, TEST_SHARE, SEED)
    train, test = (Split(ArraySource(pixels[part]), labels[part]) for part in parts)
    return DataSet(name, classes, train, test)


#: By name.
SETS: dict[str, Callable[[], DataSet]] = {"tiles": tiles, "digits": digits, "cifar10": cifar10}


def write_folder(data: DataSet, folder: Path) -> Path:
    """Write ``train/class/number.png`` and ``test/class/number.png`` below a folder named alike."""
    whole = folder / data.name
    for part, split in (("train", data.train), ("test", data.test)):
        for name in data.class_names:
            (whole / part / name).mkdir(parents=True)
        for number, label in enumerate(split.labels):
            (pixels,) = split.images.take((number,))
            path = whole / part / data.class_names[label] / f"{number:05}.png"
            Image.fromarray(pixels).save(path)
    return whole
