"""An archive from a stranger is unpacked within the limits, or refused; then nothing is left."""

import gzip
import io
import re
import tarfile
from dataclasses import replace

import pytest
from limited_process import outcomes

from tl_core import limits
from tl_core.data.cifar_layouts import BINARY, read_archive
from tl_core.models.archive import extract

#: The limits of this test.
BYTES, MEMBERS = 10_000_000, 1000
BLOCK = tarfile.BLOCKSIZE


def header(name="file", kind=tarfile.REGTYPE, size=0, **changes):
    """The header of a member, whose numbers may be wrong."""
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    block = bytearray(member.tobuf(tarfile.GNU_FORMAT)[-BLOCK:])
    for place, value in changes.get("bytes", {}).items():
        block[place : place + len(value)] = value
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def padded(content):
    return content + b"\0" * (-len(content) % BLOCK)


def pax(**records):
    """A pax header for the next member, of records that may be wrong."""
    content = b""
    for name, value in records.items():
        record = b" " + name.replace("_", ".").encode() + b"=" + value + b"\n"
        length = len(record) + 1
        while len(str(length)) + len(record) != length:
            length += 1
        content += str(length).encode() + record
    return header("pax", tarfile.XHDTYPE, len(content)) + padded(content)


def named(name):
    return pax(path=name) + header()


#: A sparse file of 8 TB in the old format of GNU: its size with holes is at 483.
SPARSE = header(
    "hole", tarfile.GNUTYPE_SPARSE, 0, bytes={483: b"\x80" + (8 << 40).to_bytes(11, "big")}
)
ZEROS = 100_000_000
#: A size of -1 MiB in a header.
NEGATIVE = (-1 << 20).to_bytes(12, "big", signed=True)

HOSTILE_ARCHIVES = {
    # Much on the disk or in memory.
    "sparse-file-of-8-TB": (lambda: SPARSE, "unsafe member 'hole'"),
    "sparse-file-by-pax": (
        lambda: pax(GNU_sparse_major=b"0", GNU_sparse_minor=b"1", GNU_sparse_name=b"hole",
                    GNU_sparse_size=b"8796093022208", GNU_sparse_map=b"0,0") + header(),
        "unsafe member",
    ),
    "sparse-map-without-end": (
        lambda: header("hole", tarfile.GNUTYPE_SPARSE, 0, bytes={482: b"\1"})
        + (b"\0" * 504 + b"\1" + b"\0" * 7) * (ZEROS // BLOCK),
        "than headers take",
    ),
    "file-of-8-TB": (lambda: header(size=8 << 40), r"more than 10,000,000 bytes unpacked"),
    "file-of-100-MB-of-zeros": (lambda: header(size=ZEROS) + bytes(ZEROS), "bytes unpacked"),
    "files-of-1-MB": (
        lambda: (header(size=BLOCK << 11) + bytes(BLOCK << 11)) * 12, "bytes unpacked",
    ),
    "100-MB-after-the-end": (lambda: bytes(ZEROS), "than headers take"),
    "long-name-of-100-MB": (
        lambda: header("l", tarfile.GNUTYPE_LONGNAME, ZEROS) + bytes(ZEROS), "than headers take",
    ),
    "long-link-of-100-MB": (
        lambda: header("l", tarfile.GNUTYPE_LONGLINK, ZEROS) + bytes(ZEROS), "than headers take",
    ),
    "long-name-of-negative-size": (
        lambda: header("l", tarfile.GNUTYPE_LONGNAME, bytes={124: NEGATIVE}) + bytes(ZEROS),
        "than headers take",
    ),
    "pax-header-of-100-MB": (
        lambda: header("x", tarfile.XHDTYPE, ZEROS) + bytes(ZEROS), "than headers take",
    ),
    "global-pax-headers": (
        lambda: (header("g", tarfile.XGLTYPE, BLOCK * 20) + bytes(BLOCK * 20)) * 9000,
        "than headers take",
    ),
    "2000-files": (lambda: header() * 2000, "more than 1,000 files and folders"),
    "1500-folders": (
        lambda: b"".join(header(f"d{i}", tarfile.DIRTYPE) for i in range(1500)),
        "files and folders",
    ),
    "few-files-deep-in-folders": (
        lambda: b"".join(named((f"{i}" + "/d" * 300 + "/f").encode()) for i in range(9)),
        "more than 1,000 files and folders",
    ),
    # Much time.
    "file-of-negative-size": (lambda: header(bytes={124: b"\xff" * 12}), "unsafe member"),
    "file-of-negative-size-by-pax": (lambda: pax(size=b"-1024") + header(), "unsafe member"),
    "5000-pax-headers-of-one-file": (lambda: pax(comment=b"x") * 5000 + header(), "unpacked"),
    # Wrong names and numbers.
    "size-that-is-no-number": (lambda: header(bytes={124: b"size is fun\0"}), "unpacked"),
    "sparse-map-that-is-no-number": (
        lambda: pax(GNU_sparse_major=b"1", GNU_sparse_minor=b"0") + header(size=BLOCK)
        + padded(b"a\nb\n"),
        "unpacked|unsafe",
    ),
    "name-of-5000-characters": (lambda: named(b"n" * 5000), "unsafe member 'n{100}'"),
    "name-with-a-zero": (lambda: named(b"a\0b"), "null byte|null character"),
    "name-of-two-lines": (lambda: named(b"../a\nb"), r"unsafe member '\.\./a\\nb'"),
    "name-that-is-no-unicode": (lambda: named(b"../\xff"), "unsafe member"),
    "file-within-a-file": (lambda: header("a") + header("a/b"), "unpacked"),
    "file-in-place-of-the-root": (lambda: header("."), "unpacked"),
    "cut-off-in-a-file": (lambda: header(size=5000) + b"abc", "download it again"),
    "nothing": (lambda: b"", "empty|0 SavedModel"),
    "zeros": (lambda: bytes(20 * BLOCK), "0 SavedModel"),
    "no-model": (header, "0 SavedModel"),
}  # fmt: skip

#: Members that CIFAR-10's reader would read.
BATCH = "cifar-10-batches-bin/data_batch_1.bin"
HOSTILE_BATCHES = {
    "batch-of-9-MB": (lambda: header(BATCH, size=9_000_000) + padded(bytes(9_000_000)), "at most"),
    "sparse-batch-of-8-TB": (lambda: SPARSE, "unsafe member"),
    "batch-of-8-TB": (lambda: header(BATCH, size=8 << 40), "bytes unpacked"),
    "2000-members": (lambda: header() * 2000, "files and folders"),
    "100-MB-beside-the-batches": (lambda: header(size=ZEROS) + bytes(ZEROS), "bytes unpacked"),
    "batch-that-is-a-link": (lambda: header(BATCH, tarfile.SYMTYPE), "incomplete CIFAR-10"),
}


def packed(folder, build, compressed=True):
    path = folder / "m.tar.gz"
    content = build()
    path.write_bytes(gzip.compress(content, 1) if compressed else content)
    return path


def _unpack(folder, build):
    path = packed(folder, build)
    target = folder / "target"
    target.mkdir()
    extract(path, "m.tar.gz", target)


def prepare():
    """Set the limits of this test."""
    limits.set_limits(replace(limits.limits(), archive_bytes=BYTES, archive_members=MEMBERS))


CASES = {
    name: lambda folder, build=build: _unpack(folder, build)
    for name, (build, _) in HOSTILE_ARCHIVES.items()
} | {
    f"cifar {name}": lambda folder, build=build: read_archive(packed(folder, build), BINARY, 12)
    for name, (build, _) in HOSTILE_BATCHES.items()
}


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    return outcomes(__file__, tmp_path_factory.mktemp("archives"))


@pytest.mark.parametrize("case", HOSTILE_ARCHIVES)
def test_a_hostile_archive_is_an_error_of_one_line_in_little_memory_and_time(case, errors):
    kind, message = errors[case]
    assert kind == "ModelError"
    assert re.search(f"^m.tar.gz: .*({HOSTILE_ARCHIVES[case][1]})", message)
    assert len(message) < 500
    assert "\n" not in message


@pytest.mark.parametrize("case", HOSTILE_BATCHES)
def test_a_hostile_archive_of_cifar_10_is_an_error_of_one_line(case, errors):
    kind, message = errors[f"cifar {case}"]
    assert kind == "DataError"
    assert re.search(f"m.tar.gz: .*{HOSTILE_BATCHES[case][1]}", message)
    assert "\n" not in message


@pytest.fixture
def small_limits(limited):
    limited(archive_bytes=100_000, archive_members=20)


def _tar(sizes):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        for i, size in enumerate(sizes):
            member = tarfile.TarInfo(f"folder/{i}")
            member.size = size
            tar.addfile(member, io.BytesIO(bytes(size)))
    return data.getvalue()


@pytest.mark.parametrize("compressed", [True, False], ids=["gzip", "plain"])
@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        pytest.param([50_000, 50_000], "0 SavedModel", id="exactly-the-bytes"),
        pytest.param([50_000, 50_001], "more than 100,000 bytes unpacked", id="a-byte-more"),
        pytest.param([0] * 19, "0 SavedModel", id="exactly-the-members"),
        pytest.param([0] * 20, "more than 20 files and folders", id="a-member-more"),
    ],
)
@pytest.mark.usefixtures("small_limits")
def test_the_limits_are_exact(tmp_path, sizes, message, compressed):
    path = packed(tmp_path, lambda: _tar(sizes), compressed)
    (tmp_path / "target").mkdir()
    with pytest.raises(ValueError, match=message):
        extract(path, "m.tar.gz", tmp_path / "target")
