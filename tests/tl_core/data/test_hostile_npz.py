"""An .npz from a stranger is read within the size that CIFAR-10 has, and its error is one line."""

import io
import re
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from limited_process import outcomes

from tl_core import limits
from tl_core.data.cifar_layouts import read_npz

N = 4
BYTES, MEMBERS = 60_000_000, 100
PIXELS = np.zeros((5 * N, 32, 32, 3), np.uint8)


def npy(array):
    file = io.BytesIO()
    np.lib.format.write_array(file, array, allow_pickle=True)
    return file.getvalue()


def header(text, body=b"", version=b"\1\0"):
    """An array whose header is this text."""
    content = text.encode() + b"\n"
    size = len(content).to_bytes(2 if version == b"\1\0" else 4, "little")
    return b"\x93NUMPY" + version + size + content + body


def shaped(shape, dtype="'|u1'", body=b""):
    return header(f"{{'descr': {dtype}, 'fortran_order': False, 'shape': {shape}}}", body)


def npz(compression=zipfile.ZIP_DEFLATED, extra=0, **changes):
    """The four arrays, some of them changed."""
    parts = {
        "x_train": npy(PIXELS),
        "y_train": npy(np.zeros(5 * N, np.int64)),
        "x_test": npy(PIXELS[:N]),
        "y_test": npy(np.zeros(N, np.int64)),
        **{f"extra{i}": b"" for i in range(extra)},
    } | changes
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        for name, content in parts.items():
            archive.writestr(f"{name}.npy", content)
    return file.getvalue()


def flagged(content, bit):
    """The file with a bit of each entry's flags set."""
    content = bytearray(content)
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        for found in re.finditer(re.escape(mark), bytes(content)):
            content[found.start() + place] |= bit
    return bytes(content)


HOSTILE_NPZ = {
    "array-of-10**15-items": (lambda: npz(x_train=shaped("(1000000000000000,)")), "x_train uint8"),
    "array-of-2**200-items": (lambda: npz(x_train=shaped(f"({2**200},)")), "x_train uint8"),
    "array-of-negative-items": (lambda: npz(y_test=shaped("(-4,)")), r"\(-4,\)"),
    "array-of-50-MB-of-zeros": (
        lambda: npz(x_train=shaped("(50000000,)", body=bytes(50_000_000))), "x_train uint8",
    ),
    "90-MB-of-zeros": (
        lambda: npz(x_train=bytes(30_000_000), x_test=bytes(30_000_000), y=bytes(30_000_000)),
        "limits archive_members and archive_bytes",
    ),
    "bytes-after-an-array": (
        lambda: npz(y_test=npy(np.zeros(N, int)) + bytes(10**7)), "more bytes",
    ),
    "bzip2": (lambda: npz(zipfile.ZIP_BZIP2), "than by deflate"),
    "lzma": (lambda: npz(zipfile.ZIP_LZMA), "than by deflate"),
    "101-arrays": (lambda: npz(extra=97), "101 files of"),
    "header-of-9000-brackets": (lambda: npz(y_test=header("(" * 9000)), "expected x_train"),
    "header-of-9000-signs": (lambda: npz(y_test=header("-" * 9000 + "1")), "expected x_train"),
    "header-of-a-program": (lambda: npz(y_test=header("__import__('os').getcwd()")), "expected x"),
    "header-of-60,000-spaces": (lambda: npz(y_test=header(" " * 60_000)), "expected x_train"),
    "header-of-4-GB": (lambda: npz(y_test=b"\x93NUMPY\2\0\xff\xff\xff\xff{}"), "expected x_train"),
    "header-of-another-version": (lambda: npz(y_test=header("{}", version=b"\3\0")), "expected x"),
    "items-of-several-fields": (
        lambda: npz(y_test=shaped("(4,)", "[('a', '<i8', (1000, 1000))]")), "y_test",
    ),
    "items-of-2-GB": (lambda: npz(y_test=shaped("(4,)", "'|V2000000000'")), "y_test"),
    "items-that-are-text": (lambda: npz(y_test=npy(np.array(["1"] * N))), "y_test <U1"),
    "items-that-are-objects": (lambda: npz(y_test=npy(np.array([{}] * N))), "y_test object"),
    "items-that-are-dates": (lambda: npz(y_test=npy(np.zeros(N, "M8[s]"))), "y_test datetime"),
    "fewer-bytes-than-items": (lambda: npz(y_test=shaped("(4,)", body=b"abc")), "buffer|reshape"),
    "encrypted": (lambda: flagged(npz(), 1), "encrypted|password"),
    "patched": (lambda: flagged(npz(), 32), "patched|expected x_train"),
    "empty": (lambda: b"", "not a zip file"),
}  # fmt: skip


def prepare():
    """Set the limits of this test."""
    limits.set_limits(replace(limits.limits(), archive_bytes=BYTES, archive_members=MEMBERS))


def _read(folder, build):
    path = folder / "cifar10.npz"
    path.write_bytes(build())
    read_npz(path, N)


CASES = {
    name: lambda folder, build=build: _read(folder, build)
    for name, (build, _) in HOSTILE_NPZ.items()
}


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    return outcomes(__file__, tmp_path_factory.mktemp("npz"))


@pytest.mark.parametrize("case", HOSTILE_NPZ)
def test_a_hostile_npz_is_an_error_of_one_line_in_little_memory_and_time(case, errors):
    kind, message = errors[case]
    assert kind == "DataError"
    assert re.search(rf"cifar10\.npz: .*({HOSTILE_NPZ[case][1]})", message)
    assert len(message) < 600
    assert "\n" not in message


@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_such_a_file_without_anything_wrong_is_read(tmp_path, compression):
    (tmp_path / "cifar10.npz").write_bytes(npz(compression))
    assert read_npz(tmp_path / "cifar10.npz", N).sizes == (5 * N, N)
