"""Read the tensors of a PyTorch checkpoint without PyTorch and without running its code.

The format is that of ``torch.save`` before PyTorch 1.6: four pickles (magic number, protocol,
byte order, the object), a fifth with the keys of the storages, then each storage's length and
raw data. Source: ``torch/serialization.py``, ``_legacy_load``.
"""

from __future__ import annotations

import io
import os
import struct
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, BinaryIO, Never, cast

import numpy as np

from tl_core.errors import ModelError
from tl_core.pickle_reader import PickleError, is_shape, read_pickle

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
#: The known storage classes, with the little-endian type of their elements.
STORAGE_DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}
#: Bytes of the pickles, at most; the tensors themselves follow them.
PICKLES_BYTES = 1 << 24
#: Elements of all tensors, at most, per element in the file: several may view one storage.
VIEWS = 2


def read_tensors(path: Path) -> dict[str, NDArray[np.generic]]:
    """The tensors of a checkpoint that contains only an ordered dict of tensors.

    The file was written by ``torch.save(state_dict)`` before PyTorch 1.6. Each array, float32 or
    int64, has its own memory.

    Raises:
        ModelError: Absent, cut off, another format, or a pickle that asks for anything other than
            tensors; nothing that it asks for is run.
    """
    try:
        with path.open("rb") as file:
            state, storages = _read_header(path, file)
            views = sum(prod(view.size) for view in state.values())
            if views > VIEWS * sum(storage.length for storage in storages):
                _fail(path, "its tensors are larger than the file")
            data = _read_storages(path, file, storages)
            return {name: _tensor(path, name, state[name], data) for name in state}
    except OSError as error:
        raise ModelError(f"{path}: can't be read ({error}); expected a PyTorch file") from error


@dataclass(frozen=True, slots=True)
class _Storage:
    """A sequence of numbers in the file, not read yet."""

    key: str
    dtype: str
    length: int


@dataclass(frozen=True, slots=True)
class _View:
    """A tensor as the pickle describes it: a strided view of a storage."""

    storage: _Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def _rebuild(
    storage: object,
    offset: object,
    size: object,
    stride: object,
    *_rest: object,  # requires_grad and backward hooks mean nothing to an array
) -> _View:
    """Stands in for ``torch._utils._rebuild_tensor_v2``."""
    if not (isinstance(storage, _Storage) and is_shape((offset,))):
        raise PickleError("a tensor without a storage and an offset")
    if not (is_shape(size) and is_shape(stride)):
        raise PickleError("a tensor without a size and a stride")
    sizes, strides = cast("tuple[int, ...]", size), cast("tuple[int, ...]", stride)
    if len(sizes) != len(strides):
        raise PickleError(f"a tensor of {len(sizes)} dimensions with {len(strides)} strides")
    return _View(storage, cast("int", offset), sizes, strides)


def _ordered_dict(*contents: object) -> dict[str, object]:
    """Stands in for ``collections.OrderedDict``, which a state dict is."""
    if contents:
        raise PickleError("a dictionary that is made of another")
    return {}


_STAND_INS: dict[tuple[str, str], object] = {
    ("collections", "OrderedDict"): _ordered_dict,
    ("torch._utils", "_rebuild_tensor_v2"): _rebuild,
    **{("torch", name): dtype for name, dtype in STORAGE_DTYPES.items()},
}


class _Storages(dict[str, _Storage]):
    """The storages that a pickle names, by key."""

    def add(self, pid: object) -> _Storage:
        """The storage of a persistent ID."""
        match pid:
            case ("storage", str(dtype), str(key), "cpu", int(length), None) if (
                dtype in STORAGE_DTYPES.values() and length >= 0
            ):
                storage = _Storage(key, dtype, length)
            case _:
                raise PickleError("a storage of another form")
        if self.setdefault(key, storage) != storage:
            raise PickleError(f"storage {_short(key)} described twice, differently")
        return storage


def _read_header(path: Path, file: BinaryIO) -> tuple[dict[str, _View], list[_Storage]]:
    """The described tensors, and the storages in the order in which their data follows."""
    pickles, storages = io.BytesIO(file.read(PICKLES_BYTES)), _Storages()

    def unpickle() -> object:
        try:
            return read_pickle(
                pickles, _STAND_INS, text=lambda raw: raw.decode(), outside=storages.add
            )
        except PickleError as error:
            _fail(path, str(error), error)

    if unpickle() != MAGIC or unpickle() != PROTOCOL:
        _fail(path, "not in the format of PyTorch before 1.6")
    system, state, keys = unpickle(), unpickle(), unpickle()
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        _fail(path, "written on a machine with another byte order")
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(view, _View) for name, view in state.items()
    ):
        _fail(path, "contains something other than tensors by name")
    if (
        not isinstance(keys, list)
        or not all(isinstance(key, str) for key in keys)
        or sorted(keys) != sorted(storages)
    ):
        _fail(path, "its list of storages does not match its tensors")
    file.seek(pickles.tell())
    return state, [storages[key] for key in keys]


def _read_storages(
    path: Path, file: BinaryIO, storages: list[_Storage]
) -> dict[str, NDArray[np.generic]]:
    data, left = {}, os.fstat(file.fileno()).st_size - file.tell()
    for storage in storages:
        size = np.dtype(storage.dtype).itemsize * storage.length
        left -= 8 + size
        if left < 0:  # before memory is taken
            _fail(path, f"cut off in storage {_short(storage.key)}")
        header, body = file.read(8), file.read(size)
        if struct.unpack("<q", header) != (storage.length,):
            _fail(path, f"storage {_short(storage.key)} has another length than its tensors need")
        data[storage.key] = np.frombuffer(body, storage.dtype)
    if file.read(1):
        _fail(path, "has data after its last storage")
    return data


def _tensor(
    path: Path, name: str, view: _View, data: dict[str, NDArray[np.generic]]
) -> NDArray[np.generic]:
    """A copy of the view as an array, after checking that it is inside its storage."""
    last = view.offset + sum((n - 1) * step for n, step in zip(view.size, view.stride, strict=True))
    count = prod(view.size)
    if count > view.storage.length or (count and last >= view.storage.length):
        _fail(path, f"tensor {_short(name)} reaches beyond its storage")
    flat = data[view.storage.key][view.offset :]
    strides = tuple(step * flat.itemsize for step in view.stride)
    try:
        return np.lib.stride_tricks.as_strided(flat, view.size, strides, writeable=False).copy()
    except (ValueError, OverflowError) as error:  # a huge stride that isn't used
        _fail(path, f"tensor {_short(name)} is of no size that NumPy takes", error)


def _short(name: str) -> str:
    return ascii(name[:60])


def _fail(path: Path, what: str, cause: BaseException | None = None) -> Never:
    raise ModelError(
        f"{path}: {what}; expected a dict of float and integer tensors as torch.save wrote it "
        "before PyTorch 1.6. Install the package that it came with again"
    ) from cause
