"""Read pickled dictionaries of NumPy arrays without running code from the file.

The functions that NumPy's pickles call are replaced by stand-ins that only record their arguments,
so that not even NumPy's own code runs on the contents of an untrusted file.
"""

from __future__ import annotations

import io
import re
from math import prod
from typing import TYPE_CHECKING, cast

import numpy as np

from tl_core import pickle_reader
from tl_core.errors import DataError
from tl_core.pickle_reader import PickleError, is_shape

if TYPE_CHECKING:
    from numpy.typing import NDArray


def read_pickle(blob: bytes, name: str) -> dict[str, object]:
    """Read a dictionary from an untrusted pickle of Python 2 or 3.

    Its keys are str; integer arrays are ndarray, other values Python's own numbers, strings, bytes,
    and lists and dictionaries, which may contain each other: see ``pickle_reader``. DataError if it
    is damaged or asks for anything but integer arrays.
    """
    try:
        content = pickle_reader.read_pickle(io.BytesIO(blob), _stand_ins(len(blob)))
        if not isinstance(content, dict):
            raise PickleError(f"a {type(content).__name__} instead of a dictionary")
        return {_text(key): _plain(value) for key, value in content.items()}
    except (ValueError, OverflowError) as error:  # also text that isn't ASCII, and huge shapes
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
            raise PickleError(f"an array of {(self.order + self.code)[:10]!a}")
        return np.dtype(self.order + self.code)


class _Array:
    """Stands in for numpy.ndarray: the facts to make one from its bytes."""

    def __init__(self, *_: object) -> None:
        self.state: tuple[object, ...] = ()

    def __setstate__(self, state: tuple[object, ...]) -> None:
        self.state = state

    def array(self) -> NDArray[np.integer]:
        match self.state:
            case (_version, shape, _DType() as kind, bool(fortran), bytes() | bytearray() as data):
                dtype = kind.dtype()
            case _:
                raise PickleError("an array without bytes")
        if not is_shape(shape):
            raise PickleError("an array without a shape")
        sizes = cast("tuple[int, ...]", shape)
        if prod(sizes) * dtype.itemsize != len(data):
            raise PickleError(f"an array of another shape than its {len(data)} bytes have")
        return np.frombuffer(data, dtype).reshape(sizes, order="F" if fortran else "C")


def _from_buffer(data: object, dtype: object, shape: object, order: object, *_: object) -> _Array:
    """Stands in for the function that pickle protocol 5 calls."""
    array = _Array()
    array.__setstate__((1, shape, dtype, order == "F", data))
    return array


class _Encode:
    """Stands in for _codecs.encode, with which Python 3 writes bytes in protocols 0 to 2.

    It gives no more bytes than the pickle has: one text can be encoded again and again.
    """

    def __init__(self, most: int) -> None:
        self._left = most

    def __call__(self, text: str, encoding: str) -> bytes:
        if encoding != "latin1":
            raise PickleError(f"text in {encoding[:20]!a}")
        self._left -= len(text)
        if self._left < 0:
            raise PickleError("the same text as bytes, again and again")
        return text.encode("latin1")


def _stand_ins(size: int) -> dict[tuple[str, str], object]:
    """What a pickle of this many bytes may call; NumPy 2 renamed numpy.core to numpy._core."""
    return {
        ("numpy", "dtype"): _DType,
        ("numpy", "ndarray"): _Array,
        ("numpy.core.multiarray", "_reconstruct"): _Array,
        ("numpy._core.multiarray", "_reconstruct"): _Array,
        ("numpy.core.numeric", "_frombuffer"): _from_buffer,
        ("numpy._core.numeric", "_frombuffer"): _from_buffer,
        ("_codecs", "encode"): _Encode(size),
    }


def _text(value: object) -> str:
    """Python 2's strings arrive as bytes."""
    if isinstance(value, bytes):
        return value.decode("ascii")
    if not isinstance(value, str):
        raise PickleError(f"a {type(value).__name__} instead of text")
    return value


def _plain(value: object) -> object:
    return value.array() if isinstance(value, _Array) else value
