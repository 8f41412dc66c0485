"""A pickle from a stranger costs what its length costs, and its error is one line."""

import pickle
import re
import struct

import numpy as np
import pytest
from limited_process import outcomes

from tl_core.data import restricted_pickle
from tl_core.data.cifar_layouts import PYTHON

N = 4
PIXELS = np.zeros((N, 3072), np.uint8)


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value


def dictionary(**items):
    """A pickle of a dictionary, whose values are operations."""
    return b"\x80\x02}" + b"".join(text(k.encode()) + v + b"s" for k, v in items.items()) + b"."


def operations(value):
    """The operations that push a value."""
    return pickle.dumps(value, 2)[2:-1]


def doubled(start, end, depth=64):
    """A value that has another of its kind twice, and so on: 2 to the power of its depth parts."""
    inner = start + end
    for level in range(depth):
        memo = bytes([level])
        inner = start + inner + b"q" + memo + b"h" + memo + end
    return inner


LISTS, TUPLES = doubled(b"(", b"l"), doubled(b"(", b"t")


def array(
    shape,
    data=b"\0" * 12,
    dtype=b"(U\2u1K\0K\1t",
    state=b"(K\3U\1|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0t",
):
    """An array as NumPy pickles it, of operations for its parts."""
    made = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\0tU\1btR"
    kind = b"cnumpy\ndtype\n" + dtype + b"R" + state + b"b"
    return (
        made + b"(K\1" + shape + kind + b"\x89" + b"T" + struct.pack("<i", len(data)) + data + b"tb"
    )


def labelled(labels):
    return dictionary(data=operations(PIXELS), labels=labels)


def with_data(data):
    return dictionary(data=data, labels=operations([0] * N))


COLLIDING = (
    b"\x80\x02}("
    + b"".join(
        b"\x8a\x10" + (i * (2**61 - 1)).to_bytes(16, "little") + b"N" for i in range(1, 60_000)
    )
    + b"u."
)

HOSTILE_PICKLES = {
    # Much memory.
    "memo-index-of-four-billion": (b"\x80\x02}r\xff\xff\xff\xff.", "data object"),
    "memo-index-of-1000-digits": (b"}p" + b"9" * 1000 + b"\n.", "data object"),
    "text-encoded-again-and-again": (
        b"\x80\x02c_codecs\nencode\nq\0" + b"(" + text(b"a" * 1_000_000) + text(b"latin1") + b"tq\1"
        + b"h\0h\1R" * 1000 + b".",
        "again and again",
    ),
    "bytes-of-2**60": (b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b"a.", "expected"),
    "text-of-2**60": (b"\x80\x04\x8d" + struct.pack("<Q", 2**60) + b"a.", "expected"),
    "bytearray-of-2**62": (b"\x80\x05\x96" + struct.pack("<Q", 2**62) + b"a.", "expected"),
    "bytes-of-2**64-1": (b"\x80\x04\x8e" + b"\xff" * 8 + b"a.", "maxsize"),
    "text-of-negative-length": (b"T\xff\xff\xff\xffa.", "< 0"),
    "integer-of-two-billion-bytes": (b"\x80\x02\x8b\xff\xff\xff\x7fa.", "expected"),
    "integer-of-negative-length": (b"\x80\x02\x8b\xff\xff\xff\xffa.", "< 0"),
    "integer-of-a-million-bytes": (
        b"\x80\x02\x8b" + struct.pack("<i", 1_000_000) + b"\x7f" * 1_000_000 + b".", "128 bits",
    ),
    "integer-of-a-million-digits": (b"L" + b"9" * 1_000_000 + b"L\n.", "integer string"),
    "frame-beyond-the-file": (b"\x80\x04\x95" + struct.pack("<Q", 2**60) + b"}.", "data object"),
    "two-million-operations": (b"]" * 2_000_000 + b".", "more than 1,000,000 operations"),
    # Much time.
    "key-of-doubled-tuples": (b"\x80\x02}" + TUPLES + b"Ns.", "key of type tuple"),
    "keys-that-collide": (COLLIDING, "key of type int"),
    "labels-of-doubled-lists": (labelled(LISTS), r"labels object \(\)"),
    "labels-of-doubled-tuples": (labelled(TUPLES), r"labels object \(\)"),
    "data-of-doubled-lists": (with_data(LISTS), r"data object \(\)"),
    "shape-of-doubled-tuples": (with_data(array(TUPLES)), "without a shape"),
    "dtype-of-doubled-tuples": (with_data(array(b"(K\x0ct", dtype=b"(" + TUPLES + b"t")), "tuple"),
    "byte-order-of-doubled-lists": (
        with_data(array(b"(K\x0ct", state=b"(K\3" + LISTS + b"t")), "list instead of text",
    ),
    "doubled-lists-alone": (b"\x80\x02" + LISTS + b".", "list instead of a dictionary"),
    "call-with-doubled-lists": (
        b"\x80\x02c_codecs\nencode\n(" + LISTS + text(b"x") + b"tR.", "'x'",
    ),
    "outside-object-of-doubled-tuples": (b"\x80\x02" + TUPLES + b"Q.", "outside object"),
    "lists-of-300,000-levels": (b"]" * 300_000 + b"a" * 299_999 + b".", "list instead of a dict"),
    # Wrong numbers.
    "array-of-10**15-items": (
        with_data(array(b"(\x8a\x08" + struct.pack("<q", 10**15) + b"t")), "another shape",
    ),
    "array-of-negative-items": (with_data(array(b"(J\xff\xff\xff\xfft")), "without a shape"),
    "array-of-no-and-2**100-items": (
        with_data(array(b"(K\0\x8a\x0e" + (2**100).to_bytes(14, "little") + b"t", data=b"")),
        "dimension",
    ),
    "array-of-100-dimensions": (with_data(array(b"(" + b"K\1" * 100 + b"t")), "without a shape"),
    "array-of-half-an-item": (with_data(array(b"(G?\xe0\0\0\0\0\0\0t")), "without a shape"),
    "array-of-a-list-of-items": (with_data(array(b"(K\x0cl")), "without a shape"),
    "array-without-state": (with_data(b"cnumpy\nndarray\n)R"), "without bytes"),
    "ragged-labels": (labelled(operations([[1, 2], [3]])), r"labels object \(\)"),
    "labels-of-100-bits": (labelled(operations([2**100] * N)), "labels object"),
    "labels-that-are-fractions": (labelled(operations([0.5] * N)), r"labels object \(\)"),
    "labels-that-are-text": (labelled(operations(["1"] * N)), r"labels object \(\)"),
    "labels-in-a-dictionary": (labelled(operations({"1": 1})), r"labels object \(\)"),
    "no-labels": (labelled(b"]"), r"labels float64 \(0,\)"),
    "data-of-one-dimension": (with_data(array(b"(K\x0ct")), r"data uint8 \(12,\)"),
    # Programs.
    "state-of-a-function": (b"c_codecs\nencode\n}b.", "sets the state of"),
    "state-of-a-class": (b"cnumpy\ndtype\n}b.", "sets the state of a type"),
    "call-of-a-number": (b"K\1)R.", "calls a int"),
    "call-without-a-tuple": (b"cnumpy\ndtype\nK\1R.", "calls a"),
    "object-without-its-init": (b"\x80\x02cnumpy\ndtype\n)\x81.", "operation NEWOBJ"),
    "instance": (b"(inumpy\ndtype\n.", "operation INST"),
    "set": (b"\x80\x04\x8f.", "operation EMPTY_SET"),
    "nothing-on-the-stack": (b"R.", "empty list"),
    "no-mark": (b"t.", "empty list"),
    "unknown-memo": (b"h\x07.", "7"),
    "name-of-a-million-characters": (b"c" + b"a" * 1_000_000 + b"\nb\n.", "it asks for"),
    "name-of-two-lines": (b"\x80\x04" + text(b"a\nb") + text(b"c\nd") + b"\x93.", r"a\\nb\.c\\nd"),
}  # fmt: skip
CASES = {
    name: lambda _, blob=blob: PYTHON.parse(blob, "file", N)
    for name, (blob, _) in HOSTILE_PICKLES.items()
} | {
    "names": lambda _: PYTHON.names(dictionary(label_names=b"(" + TUPLES + b"l"), "file"),
}


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    return outcomes(__file__, tmp_path_factory.mktemp("pickles"))


@pytest.mark.parametrize("case", HOSTILE_PICKLES)
def test_a_hostile_pickle_is_an_error_of_one_line_in_little_memory_and_time(case, errors):
    expected = HOSTILE_PICKLES[case][1]
    kind, message = errors[case]
    assert kind == "DataError"
    assert re.search(expected, message)
    assert message.startswith("file: ")
    assert len(message) < 400
    assert "\n" not in message


def test_class_names_that_are_no_text_are_none(errors):
    assert errors["names"] is None
    assert PYTHON.names(dictionary(label_names=operations(["cat", 7])), "file") == ()


def test_a_stand_in_can_t_be_altered_by_a_pickle():
    before = dict(vars(restricted_pickle._Encode))
    with pytest.raises(ValueError, match="sets the state"):
        restricted_pickle.read_pickle(b"c_codecs\nencode\n}" + text(b"a") + b"Nsb.", "file")
    assert dict(vars(restricted_pickle._Encode)) == before
