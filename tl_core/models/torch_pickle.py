"""Read the tensors of a PyTorch checkpoint without PyTorch and without running its code.

The format is that of ``torch.save`` before PyTorch 1.6: four pickles (magic number, protocol,
byte order, the object), a fifth with the keys of the storages, then each storage's length and
raw data. Source: ``torch/serialization.py``, ``_legacy_load``.
"""

from __future__ import annotations

import pickle
import struct
from collections import OrderedDict
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING, BinaryIO, Never

import numpy as np

from tl_core.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

MAGIC = 0x1950A86A20F9469CFC6C
PROTOCOL = 1001
#: The known storage classes, with the little-endian type of their elements.
STORAGE_DTYPES = {"FloatStorage": "<f4", "LongStorage": "<i8"}
#: Errors of unpickling a damaged or unsafe pickle, besides UnpicklingError.
_UNPICKLING_ERRORS = (
    *(pickle.UnpicklingError, ArithmeticError, AttributeError, EOFError),
    *(LookupError, MemoryError, TypeError, ValueError),
)


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


class _RebuildTensor:
    """Stands in for ``torch._utils._rebuild_tensor_v2``; no slots, so no pickle can alter it."""

    __slots__ = ()

    def __call__(
        self,
        storage: object,
        offset: object,
        size: object,
        stride: object,
        *_rest: object,  # requires_grad and backward hooks mean nothing to an array
    ) -> _View:
        match (storage, offset, size, stride):
            case (_Storage(), int(), tuple(), tuple()) if len(size) == len(stride) and all(
                type(n) is int and n >= 0 for n in (offset, *size, *stride)
            ):
                return _View(storage, offset, size, stride)
        raise pickle.UnpicklingError(f"tensor of {storage!r}, {offset!r}, {size!r}, {stride!r}")


class _TensorUnpickler(pickle.Unpickler):
    """Knows four names, each with an inert stand-in; any other name is an error."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file, encoding="utf-8")
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module_name: str, global_name: str) -> object:
        if (module_name, global_name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module_name, global_name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _RebuildTensor()
        if module_name == "torch" and global_name in STORAGE_DTYPES:
            return STORAGE_DTYPES[global_name]
        raise pickle.UnpicklingError(f"it asks for {module_name}.{global_name}")

    def persistent_load(self, pid: object) -> _Storage:
        match pid:
            case ("storage", str(dtype), str(key), "cpu", int(length), None) if (
                dtype in STORAGE_DTYPES.values() and length >= 0
            ):
                storage = _Storage(key, dtype, length)
            case _:
                raise pickle.UnpicklingError(f"storage {pid!r}")
        if self.storages.setdefault(key, storage) != storage:
            raise pickle.UnpicklingError(f"storage {key!r} described twice, differently")
        return storage


def _read_header(path: Path, file: BinaryIO) -> tuple[dict[str, _View], list[_Storage]]:
    """The described tensors, and the storages in the order in which their data follows."""
    if _unpickle(path, file)[0] != MAGIC or _unpickle(path, file)[0] != PROTOCOL:
        _fail(path, "not in the format of PyTorch before 1.6")
    system, _ = _unpickle(path, file)
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        _fail(path, "written on a machine with another byte order")
    state, storages = _unpickle(path, file)
    if not isinstance(state, dict) or not all(
        isinstance(name, str) and isinstance(view, _View) for name, view in state.items()
    ):
        _fail(path, "contains something other than tensors by name")
    keys, _ = _unpickle(path, file)
    if not isinstance(keys, list) or sorted(map(str, keys)) != sorted(storages):
        _fail(path, "its list of storages does not match its tensors")
    return state, [storages[key] for key in keys]


def _unpickle(path: Path, file: BinaryIO) -> tuple[object, dict[str, _Storage]]:
    unpickler = _TensorUnpickler(file)
    try:
        return unpickler.load(), unpickler.storages
    except _UNPICKLING_ERRORS as error:
        _fail(path, str(error) or type(error).__name__, error)


def _read_storages(
    path: Path, file: BinaryIO, storages: list[_Storage]
) -> dict[str, NDArray[np.generic]]:
    data = {}
    for storage in storages:
        size = np.dtype(storage.dtype).itemsize * storage.length
        header, body = file.read(8), file.read(size)
        if len(header) != 8 or len(body) != size:
            _fail(path, f"cut off in storage {storage.key!r}")
        if struct.unpack("<q", header) != (storage.length,):
            _fail(path, f"storage {storage.key!r} has another length than its tensors need")
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
        _fail(path, f"tensor {name!r} reaches beyond its storage")
    flat = data[view.storage.key][view.offset :]
    strides = tuple(step * flat.itemsize for step in view.stride)
    return np.lib.stride_tricks.as_strided(flat, view.size, strides, writeable=False).copy()


def _fail(path: Path, what: str, cause: BaseException | None = None) -> Never:
    raise ModelError(
        f"{path}: {what}; expected a dict of float and integer tensors as torch.save wrote it "
        "before PyTorch 1.6. Install the package that it came with again"
    ) from cause
