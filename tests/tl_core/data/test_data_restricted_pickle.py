"""Pickles give up their arrays and can't run anything."""

import os
import pickle
import struct

import numpy as np
import pytest

from tl_core.data.restricted_pickle import read_pickle
from tl_core.errors import DataError

ARRAY = np.arange(12, dtype=np.uint8).reshape(3, 4)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "array",
    [
        pytest.param(ARRAY, id="uint8"),
        pytest.param(np.asfortranarray(ARRAY), id="fortran"),
        pytest.param(ARRAY.astype(">i4") - 7, id="big-endian"),
        pytest.param(ARRAY.astype(np.int64)[:, 1:3], id="a-view"),
    ],
)
def test_arrays_come_out_as_numpy_wrote_them(protocol, array):
    blob = pickle.dumps({b"data": array, "labels": [1, 2]}, protocol=protocol)
    content = read_pickle(blob, "file")
    np.testing.assert_array_equal(content["data"], array)
    assert content["data"].dtype == array.dtype
    assert content["labels"] == [1, 2]


def python2_string(text):
    return b"T" + struct.pack("<i", len(text)) + text


def python2_pickle(data):
    """A dictionary with one array, byte by byte as Python 2 and NumPy 1 wrote it."""
    shape = b"(" + b"".join(b"K" + bytes([n]) for n in data.shape) + b"t"
    dtype = b"cnumpy\ndtype\n(" + python2_string(b"u1") + b"K\x00K\x01tR"
    dtype += b"(K\x03" + python2_string(b"|") + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t"
    array += python2_string(b"b") + b"tR(K\x01" + shape + dtype + b"\x89"
    array += python2_string(data.tobytes()) + b"tb"
    return b"\x80\x02}" + python2_string(b"data") + array + b"s."


def test_a_python_2_pickle_of_numpy_1_is_read():
    blob = python2_pickle(ARRAY)
    renamed = blob.replace(b"numpy.core", b"numpy._core")
    independent = pickle.loads(renamed, encoding="bytes")
    np.testing.assert_array_equal(independent[b"data"], ARRAY)
    np.testing.assert_array_equal(read_pickle(blob, "file")["data"], ARRAY)


class Evil:
    """Unpickles by making a folder."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_pickle_that_calls_something_is_refused_and_calls_nothing(tmp_path, protocol):
    blob = pickle.dumps({"data": Evil(tmp_path / "pwned")}, protocol=protocol)
    with pytest.raises(DataError, match=r"file: .*it asks for .*mkdir"):
        read_pickle(blob, "file")
    assert not (tmp_path / "pwned").exists()
    pickle.loads(blob)
    assert (tmp_path / "pwned").exists()


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        pytest.param(b"cbuiltins\neval\n(V1+1\ntR.", r"builtins\.eval", id="eval"),
        pytest.param(b"cnumpy\nload\n(Vx\ntR.", r"numpy\.load", id="numpy-load"),
        pytest.param(b"c_codecs\nencode\n(Vx\nVrot13\ntR.", "text in 'rot13'", id="other-codec"),
        pytest.param(b"\x80\x04\x8c\x05numpy\x8c\x0dndarray.dumps\x93.", "dumps", id="attribute"),
        pytest.param(b"Pid\n.", "outside object", id="persistent-id"),
        pytest.param(b"\x82\x01.", "the operation EXT1", id="extension"),
        pytest.param(b"", "exhausted", id="empty"),
        pytest.param(b"nonsense", "opcode b'n' unknown", id="no-pickle"),
        pytest.param(pickle.dumps([1, 2]), "list instead of a dictionary", id="list"),
        pytest.param(pickle.dumps({"a": ARRAY})[:-9], "read safely", id="cut-off"),
        pytest.param(
            pickle.dumps({"a": np.array([[1], "x"], dtype=object)}), "array", id="object-array"
        ),
        pytest.param(pickle.dumps({"a": np.zeros(3)}), "f8", id="float-array"),
        pytest.param(
            pickle.dumps({"a": ARRAY}, protocol=2).replace(b"K\x03K\x04", b"K\x63K\x63"),
            "another shape",
            id="shape-larger-than-bytes",
        ),
    ],
)
def test_what_is_no_dictionary_of_integer_arrays_is_refused(blob, message):
    with pytest.raises(DataError, match=message):
        read_pickle(blob, "file")
