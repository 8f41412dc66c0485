"""A PyTorch file from a stranger costs what its length costs, and its error is one line."""

import pickle
import re
import struct

import pytest
from limited_process import outcomes

from tl_core.errors import ModelError
from tl_core.models import torch_pickle
from tl_core.models.torch_pickle import MAGIC, PROTOCOL, read_tensors


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value):
    size = value.bit_length() // 8 + 1
    return b"\x8a" + bytes([size]) + value.to_bytes(size, "little", signed=True)


def numbers(*values):
    return b"(" + b"".join(map(number, values)) + b"t"


def doubled(start, end, depth=64):
    """A value that has another of its kind twice, and so on: 2 to the power of its depth parts."""
    inner = start + end
    for level in range(depth):
        memo = bytes([level])
        inner = start + inner + b"q" + memo + b"h" + memo + end
    return inner


TUPLES = doubled(b"(", b"t")


def storage(key="a", length=1):
    parts = text("storage") + b"ctorch\nFloatStorage\n" + text(key) + text("cpu")
    return b"(" + parts + number(length) + b"NtQ"


def tensor(size=(1,), stride=(1,), offset=0, stored=None):
    call = b"ctorch._utils\n_rebuild_tensor_v2\n(" + (storage() if stored is None else stored)
    return call + number(offset) + numbers(*size) + numbers(*stride) + b"tR"


def state(*tensors):
    items = b"".join(text(f"t{i}") + each for i, each in enumerate(tensors))
    return b"\x80\x02}(" + items + b"u."


def file(described, keys=None, length=1, start=None):
    """A file of one storage of that many zeros."""
    start = [MAGIC, PROTOCOL, {"little_endian": True}] if start is None else start
    parts = [pickle.dumps(each, 2) if not isinstance(each, bytes) else each for each in start]
    keys = pickle.dumps(["a"], 2) if keys is None else keys
    return b"".join([*parts, described, keys, struct.pack("<q", length), bytes(4 * length)])


MANY_VIEWS = b"\x80\x02}(" + b"".join(
    text(f"t{i}") + tensor((1_000_000,), (1,), stored=storage(length=1_000_000)) for i in range(300)
) + b"u."  # fmt: skip

HOSTILE_CHECKPOINTS = {
    "one-number-as-10**12": (file(state(tensor((10**12,), (0,)))), "larger than the file"),
    "one-number-as-3": (file(state(tensor((3,), (0,)))), "larger than the file"),
    "one-number-in-300-views": (file(MANY_VIEWS, length=1_000_000), "larger than the file"),
    "view-of-no-and-2**100-numbers": (file(state(tensor((0, 2**100), (1, 1)))), "no size"),
    "stride-of-2**100-that-is-not-used": (file(state(tensor((1,), (2**100,)))), "no size"),
    "offset-of-2**100": (file(state(tensor(offset=2**100))), "beyond its storage"),
    "offset-of-2**200": (file(state(tensor(offset=2**200))), "more than 128 bits"),
    "1000-dimensions": (file(state(tensor((1,) * 1000, (1,) * 1000))), "without a size"),
    "64-dimensions-of-2**120": (file(state(tensor((2**120,) * 64, (0,) * 64))), "larger than"),
    "storage-of-2**60-numbers": (
        file(state(tensor(stored=storage(length=2**60)))), "cut off in storage 'a'",
    ),
    "storage-of-2**120-numbers": (
        file(state(tensor(stored=storage(length=2**120)))), "cut off in storage 'a'",
    ),
    "storage-with-a-name-of-a-million-characters": (
        file(state(tensor(stored=storage("a" * 10**6))), pickle.dumps(["a" * 10**6], 2), length=0),
        "cut off in storage",
    ),
    "magic-number-of-a-million-bytes": (
        file(b"", start=[b"\x80\x02\x8b" + struct.pack("<i", 10**6) + b"\1" * 10**6 + b"."]), "128",
    ),
    "magic-number-of-doubled-tuples": (file(b"", start=[b"\x80\x02" + TUPLES + b"."]), "format"),
    "memo-index-of-four-billion": (file(b"", start=[b"\x80\x02Nr\xff\xff\xff\xff."]), "format"),
    "key-of-doubled-tuples": (file(b"\x80\x02}" + TUPLES + b"Ns."), "key of type tuple"),
    "tensor-of-doubled-tuples": (file(state(TUPLES)), "other than tensors"),
    "outside-object-of-doubled-tuples": (file(b"\x80\x02" + TUPLES + b"Q."), "another form"),
    "storages-of-doubled-tuples": (
        file(state(tensor()), keys=b"\x80\x02(" + TUPLES + b"l."), "list of storages",
    ),
    "call-with-doubled-tuples": (
        file(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n(" + TUPLES * 4 + b"tR."), "storage",
    ),
    "dictionary-of-a-dictionary": (
        file(b"\x80\x02ccollections\nOrderedDict\n(" + TUPLES + b"tR."), "made of another",
    ),
    "state-of-a-function": (
        file(b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n}b."), "sets the state of a function",
    ),
    "two-million-operations": (file(b"\x80\x02" + b"]" * 2_000_000 + b"."), "1,000,000 operations"),
    "pickle-of-20-million-bytes": (file(b"\x80\x02" + text("a" * 20_000_000) + b"."), "expected"),
}  # fmt: skip


def _read(folder, blob):
    path = folder / "w.pth"
    path.write_bytes(blob)
    read_tensors(path)


CASES = {
    name: lambda folder, blob=blob: _read(folder, blob)
    for name, (blob, _) in HOSTILE_CHECKPOINTS.items()
}


@pytest.fixture(scope="module")
def errors(tmp_path_factory):
    return outcomes(__file__, tmp_path_factory.mktemp("checkpoints"))


@pytest.mark.parametrize("case", HOSTILE_CHECKPOINTS)
def test_a_hostile_checkpoint_is_an_error_of_one_line_in_little_memory_and_time(case, errors):
    expected = HOSTILE_CHECKPOINTS[case][1]
    kind, message = errors[case]
    assert kind == "ModelError"
    assert re.search(f"w.pth: .*{expected}", message)
    assert len(message) < 500
    assert "\n" not in message


def test_such_a_file_without_anything_wrong_is_read(tmp_path):
    (tmp_path / "w.pth").write_bytes(file(state(tensor())))
    assert list(read_tensors(tmp_path / "w.pth")) == ["t0"]


def test_the_attributes_of_a_state_dict_are_dropped(tmp_path):
    described = state(tensor())[:-1] + b"}" + text("_metadata") + b"Nsb."
    (tmp_path / "w.pth").write_bytes(file(described))
    assert list(read_tensors(tmp_path / "w.pth")) == ["t0"]


def test_the_stand_in_for_pytorch_s_function_can_t_be_altered_by_a_pickle(tmp_path):
    before = dict(vars(torch_pickle._rebuild))
    (tmp_path / "w.pth").write_bytes(HOSTILE_CHECKPOINTS["state-of-a-function"][0])
    with pytest.raises(ModelError, match="sets the state"):
        read_tensors(tmp_path / "w.pth")
    assert dict(vars(torch_pickle._rebuild)) == before
