"""Check an HDF5 file of a Keras model before Keras takes memory for what it announces."""

from __future__ import annotations

from math import prod
from typing import IO, TYPE_CHECKING

from tl_core.limits import limits

if TYPE_CHECKING:
    from pathlib import Path

    from tl_core.models.untyped import Loaded


def check_weights(file: Path | IO[bytes]) -> None:
    """Refuse a file whose arrays exceed the limits on archives, or lie in other files.

    A short file can announce arrays of any size, since chunks without values take no room.

    Raises:
        ValueError: More arrays and groups than ``archive_members``, more bytes in them than
            ``archive_bytes``, or links to other places.
        OSError, RuntimeError: Not an HDF5 file, or damaged.
    """
    import h5py

    with h5py.File(file, "r") as root:
        groups, count, size = [root], 0, _attribute_bytes(root)
        while groups:
            group = groups.pop()
            for name in group:
                count += 1
                item = _item(group, name)
                size += _attribute_bytes(item)
                if isinstance(item, h5py.Group):
                    groups.append(item)
                else:
                    size += prod(item.shape or ()) * item.dtype.itemsize
                _check(count, size)


def _item(group: Loaded, name: str) -> Loaded:
    """A group or an array of this file itself."""
    import h5py

    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise ValueError("its HDF5 file has links to other places")
    item = group[name]
    if isinstance(item, h5py.Dataset) and (item.external or item.is_virtual):
        raise ValueError("its HDF5 file has arrays in other files")
    return item


def _attribute_bytes(item: Loaded) -> int:
    ids = [item.attrs.get_id(name) for name in item.attrs]
    return sum(prod(each.shape or ()) * each.dtype.itemsize for each in ids)


def _check(count: int, size: int) -> None:
    most = limits()
    if count > most.archive_members or size > most.archive_bytes:
        raise ValueError(
            f"its HDF5 file announces {count:,} arrays and groups of {size:,} bytes or more, at "
            f"most {most.archive_members:,} and {most.archive_bytes:,} are allowed (limits "
            "archive_members and archive_bytes)"
        )
