"""32 x 32 patches of ten photographs, always available; the class is the photograph.

The photographs come with scikit-image, so no network is needed. The shape is that of CIFAR-10: ten
classes of 32 x 32 RGB. The right quarter of each photograph is for test, then there is a gap of one
patch, and the rest is for train: no pixel, and no neighbouring pixel, is in both.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tl_core.data.dataset import DataSet, Split, permutation
from tl_core.errors import DataError, ImageError
from tl_core.images import load_image
from tl_core.photographs import photographs
from tl_core.sources import ArraySource

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

#: Side of a patch in pixels: CIFAR-10's.
PATCH = 32
#: Share of a photograph's width that is for test.
TEST_SHARE = 0.25
#: Patches of each photograph: 5,000 and 1,000 in all.
TRAIN_EACH, TEST_EACH = 500, 100
#: Least range of values in a patch. The photograph retina has black corners: all-black patches
#: would be the same in train and test.
CONTRAST = 16
#: The data set is fixed: another seed makes another data set.
SEED = 20180307

Columns = tuple[int, int]


def load(*, download: bool, seed: int) -> DataSet:
    """The data set ``photo-patches``: 5,000 train and 1,000 test patches, uint8 32 x 32 RGB.

    Each group of ten images has every class once, so that the first n images are balanced for any
    n. The patches are always the same and need no download; the seed is not used. DataError if a
    photograph is missing or damaged.
    """
    del download, seed
    bits = np.random.PCG64(SEED)
    files = photographs()
    photos = [_photo(path) for path in files.values()]
    train = [patches(photo, TRAIN_EACH, regions(photo.shape[1])[0], bits) for photo in photos]
    test = [patches(photo, TEST_EACH, regions(photo.shape[1])[1], bits) for photo in photos]
    return DataSet("photo-patches", tuple(files), _dealt(train, bits), _dealt(test, bits))


def regions(width: int) -> tuple[Columns, Columns]:
    """First and past-the-last column of the train and of the test region."""
    start = width - round(width * TEST_SHARE)
    return (0, start - PATCH), (start, width)


def patches(
    photo: NDArray[np.uint8], n: int, columns: Columns, bits: np.random.BitGenerator
) -> NDArray[np.uint8]:
    """Cut ``n`` patches, uint8 RGB ``(n, 32, 32, 3)``, at random positions, without flat ones.

    They may overlap. The photograph is uint8 RGB ``(h, w, 3)``; ``columns`` are the first and the
    past-the-last column; ``bits`` decides the positions.
    """
    band = photo[:, columns[0] : columns[1]]
    height, width = band.shape[0] - PATCH + 1, band.shape[1] - PATCH + 1
    windows = np.lib.stride_tricks.sliding_window_view(band, (PATCH, PATCH), axis=(0, 1))
    cut = np.empty((0, 3, PATCH, PATCH), np.uint8)
    while len(cut) < n:
        places = bits.random_raw(n) % np.uint64(height * width)  # bias: below 1e-12
        rows, lefts = np.unravel_index(places.astype(np.int64), (height, width))
        candidates = windows[rows, lefts]
        contrast = candidates.max(axis=(1, 2, 3)) - candidates.min(axis=(1, 2, 3))
        cut = np.concatenate([cut, candidates[contrast >= CONTRAST]])
    return np.ascontiguousarray(cut[:n].transpose(0, 2, 3, 1))


def _dealt(parts: list[NDArray[np.uint8]], bits: np.random.BitGenerator) -> Split:
    """Order the patches in groups with one patch per class, each group in random order."""
    n, classes = len(parts[0]), len(parts)
    labels = np.concatenate([permutation(classes, bits) for _ in range(n)])
    rounds = np.repeat(np.arange(n), classes)
    return Split(ArraySource(np.stack(parts)[labels, rounds]), labels)


def _photo(path: Path) -> NDArray[np.uint8]:
    try:
        return load_image(path)
    except ImageError as error:
        raise DataError(f"photo-patches: {error}; install scikit-image again") from error
