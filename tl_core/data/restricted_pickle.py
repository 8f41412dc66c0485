"""Read pickled dictionaries of NumPy arrays without running code from the file.

A pickle is a program. This reader replaces the four functions that NumPy's pickles call by
stand-ins, and refuses every other name. The stand-ins only record their arguments, so that not
even NumPy's own code runs on the contents of an untrusted file.
"""

from __future__ import annotations

import io
import pickle
import re
from typing import TYPE_CHECKING, Never

import numpy as np

from tl_core.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def read_pickle(blob: bytes, name: str) -> dict[str, object]:
    """Read a dictionary from an untrusted pickle of Python 2 or 3.

    Its keys are str; integer arrays are ndarray, other values Python's own numbers, strings, bytes
    and lists. DataError if it is damaged or asks for anything but integer arrays.
    """
    try:
        content = _Unpickler(io.BytesIO(blob), encoding="bytes").load()
        if not isinstance(content, dict):
            raise TypeError(f"a {type(content).__name__} instead of a dictionary")
        return {_text(key): _plain(value) for key, value in content.items()}
    except Exception as error:
        # A damaged pickle can raise anything.
        raise DataError(
            f"{name}: not a pickle that can be read safely ({error}); expected a dictionary of "
            "integer arrays, lists and strings: fetch the file again from its official source"
        ) from error


class _DType:
    """Stands in for numpy.dtype: a kind with item size, and a byte order."""

    def __init__(self, code: object, *_: object) -> None:
        self.code, self.order = _text(code), "|"

    def __setstate__(self, state: tuple[object, ...]) -> None:
        self.order = _text(state[1])

    def dtype(self) -> np.dtype[np.integer]:
        if not re.fullmatch(r"[<>|=][iu][1248]", self.order + self.code):
            raise TypeError(f"an array of {self.order}{self.code}")
        return np.dtype(self.order + self.code)


class _Array:
    """Stands in for numpy.ndarray: the facts to make one from its bytes."""

    def __init__(self, *_: object) -> None:
        self.state: tuple[object, ...] = ()

    def __setstate__(self, state: tuple[object, ...]) -> None:
        self.state = state

    def array(self) -> NDArray[np.integer]:
        _version, shape, dtype, fortran, data = self.state
        if not isinstance(dtype, _DType) or not isinstance(data, (bytes, bytearray)):
            raise TypeError("an array without bytes")
        flat = np.frombuffer(data, dtype.dtype())
        return flat.reshape(shape, order="F" if fortran else "C")  # type: ignore[call-overload,no-any-return]


def _from_buffer(data: object, dtype: object, shape: object, order: object, *_: object) -> _Array:
    """Stands in for the function that pickle protocol 5 calls."""
    array = _Array()
    array.__setstate__((1, shape, dtype, order == "F", data))
    return array


def _encode(text: str, encoding: str) -> bytes:
    """Stands in for _codecs.encode, with which Python 3 writes bytes in protocols 0 to 2."""
    if encoding != "latin1":
        raise TypeError(f"text in {encoding}")
    return text.encode("latin1")


#: NumPy 2 renamed numpy.core to numpy._core.
_STAND_INS = {
    ("numpy", "dtype"): _DType,
    ("numpy", "ndarray"): _Array,
    ("numpy.core.multiarray", "_reconstruct"): _Array,
    ("numpy._core.multiarray", "_reconstruct"): _Array,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy._core.numeric", "_frombuffer"): _from_buffer,
    ("_codecs", "encode"): _encode,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in _STAND_INS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return _STAND_INS[module, name]

    def persistent_load(self, pid: object) -> Never:
        raise pickle.UnpicklingError(f"it asks for the outside object {pid!r}")


def _text(value: object) -> str:
    """Python 2's strings arrive as bytes."""
    return value.decode("ascii") if isinstance(value, bytes) else str(value)


def _plain(value: object) -> object:
    return value.array() if isinstance(value, _Array) else value
