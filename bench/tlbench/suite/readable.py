"""Data without pictures that can't be read, for jobs that decode each picture several times."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tl_core.sources import TolerantFiles
from tl_core.streaming import decode_all

if TYPE_CHECKING:
    from tl_core.data import DataSet

#: Side in pixels for which pictures are decoded where the network's isn't known yet.
SIDE = 224


def readable_data(data: DataSet, size: int | None = None, *, test: bool = True) -> DataSet:
    """Decode each picture that is in a file, and leave out those that can't be.

    Args:
        data: The data set; one in memory comes back as it is.
        size: Side of the network's input in pixels.
        test: Whether test images are looked at, too.
    """
    data = data.tolerant()
    for split in (data.train, data.test) if test else (data.train,):
        if isinstance(split.images, TolerantFiles):
            decode_all(split.images, size or SIDE)
    return data.readable()
