"""Which photograph is this from? 32 x 32 patches of ten photographs, always at hand.

The photographs ship with scikit-image, so this needs no network and has the shape of CIFAR-10:
ten classes of 32 x 32 RGB. Of each photograph the right-hand quarter is kept for test, then comes
a gap of one patch, and train has the rest: no pixel, and no neighbouring pixel, is in both.
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
#: Share of a photograph's width that is kept for test.
TEST_SHARE = 0.25
#: Patches of each photograph: 5,000 and 1,000 in all.
TRAIN_EACH, TEST_EACH = 500, 100
#: Least range of values in a patch. Retina has black corners: patches of them alone would be the
#: same in train and test.
CONTRAST = 16
#: The data set is fixed: whoever changes this makes another one.
SEED = 20180307

Columns = tuple[int, int]


def load(*, download: bool, seed: int) -> DataSet:
    """The data set ``photo-patches``: 5,000 train and 1,000 test patches, uint8 32 x 32 RGB.

    Each run of ten images from the start has every class once, so that any prefix is balanced. The
    patches are always the same, installed with scikit-image: nothing is downloaded, the seed not
    used. DataError where a photograph is missing or damaged.
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

    They may overlap. The photograph is uint8 RGB ``(h, w, 3)``; columns are the first and the
    past-the-last to cut from; ``bits`` decides the positions.
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
    """Deal the classes' patches out in rounds of one each, every round in its own order."""
    n, classes = len(parts[0]), len(parts)
    labels = np.concatenate([permutation(classes, bits) for _ in range(n)])
    rounds = np.repeat(np.arange(n), classes)
    return Split(ArraySource(np.stack(parts)[labels, rounds]), labels)


def _photo(path: Path) -> NDArray[np.uint8]:
    try:
        return load_image(path)
    except ImageError as error:
        raise DataError(f"photo-patches: {error}; install scikit-image again") from error
