"""Checkpoints in PyTorch's old format, written here without PyTorch, whole, damaged and hostile."""

import os
import pickle
import struct
import sys
import types
from collections import OrderedDict
from dataclasses import dataclass, field

import numpy as np
import pytest

from tl_core.errors import ModelError
from tl_core.models.torch_pickle import MAGIC, PROTOCOL, read_tensors


@pytest.fixture(autouse=True)
def torch(monkeypatch):
    """Modules of PyTorch's names, so that pickle can write references to them."""
    names = {"torch": ["FloatStorage", "LongStorage", "HalfStorage"], "torch._utils": []}
    for name, classes in names.items():
        module = types.ModuleType(name)
        for each in classes:
            setattr(module, each, type(each, (), {"__module__": name}))
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("_rebuild_tensor_v2", "_rebuild_parameter"):
        function = types.FunctionType((lambda *_: None).__code__, {}, name)
        function.__module__, function.__qualname__ = "torch._utils", name
        setattr(sys.modules["torch._utils"], name, function)
    return sys.modules["torch"]


@dataclass
class Tensor:
    """What is written of a tensor, each part of which a test may falsify."""

    key: str
    length: int
    size: tuple
    stride: tuple
    offset: object = 0
    storage: str = "FloatStorage"
    location: str = "cpu"
    rebuild: str = "_rebuild_tensor_v2"
    persistent: object = None

    def __reduce__(self):
        rebuild = getattr(sys.modules["torch._utils"], self.rebuild)
        return rebuild, (Storage(self), self.offset, self.size, self.stride, False, OrderedDict())


@dataclass
class Storage:
    tensor: Tensor


class Pickler(pickle.Pickler):
    def persistent_id(self, obj):
        if not isinstance(obj, Storage):
            return None
        t = obj.tensor
        kind = getattr(sys.modules["torch"], t.storage)
        return t.persistent or ("storage", kind, t.key, t.location, t.length, None)


@dataclass
class Checkpoint:
    """A file as ``torch.save`` of old wrote it."""

    state: object
    keys: object = ()
    data: list = field(default_factory=list)
    magic: object = MAGIC
    protocol: object = PROTOCOL
    system: object = field(default_factory=lambda: {"little_endian": True})

    def write(self, path):
        with path.open("wb") as file:
            parts = (self.magic, self.protocol, self.system, self.state, list(self.keys))
            for part in parts:
                Pickler(file, 2).dump(part)
            for values in self.data:
                file.write(struct.pack("<q", values.size) + values.tobytes())
        return path


VALUES = np.arange(6, dtype="<f4")
COUNT = np.array([41], dtype="<i8")


def whole(**changes):
    """Two tensors: a transposed 2 x 3 of floats and a single integer."""
    matrix = Tensor("a", 6, (2, 3), (1, 2))
    for name, value in changes.items():
        setattr(matrix, name, value)
    state = OrderedDict(matrix=matrix, count=Tensor("b", 1, (), (), storage="LongStorage"))
    return Checkpoint(state, ["b", "a"], [COUNT, VALUES])


def test_tensors_come_with_their_names_shapes_strides_and_dtypes(tmp_path):
    tensors = read_tensors(whole().write(tmp_path / "w.pth"))

    assert list(tensors) == ["matrix", "count"]
    np.testing.assert_array_equal(tensors["matrix"], np.float32([[0, 2, 4], [1, 3, 5]]))
    assert tensors["matrix"].dtype == np.float32
    assert tensors["count"].dtype == np.int64
    assert tensors["count"] == 41


def test_two_tensors_may_view_one_storage(tmp_path):
    state = {"all": Tensor("a", 6, (6,), (1,)), "odd": Tensor("a", 6, (3,), (2,), offset=1)}

    tensors = read_tensors(Checkpoint(state, ["a"], [VALUES]).write(tmp_path / "w.pth"))

    np.testing.assert_array_equal(tensors["odd"], [1, 3, 5])
    assert not np.shares_memory(tensors["all"], tensors["odd"])


def test_a_file_that_ends_early_is_an_error_wherever_it_ends(tmp_path):
    path = whole().write(tmp_path / "w.pth")
    content = path.read_bytes()

    for end in range(len(content)):
        path.write_bytes(content[:end])
        with pytest.raises(ModelError, match=r"w\.pth"):
            read_tensors(path)


def test_a_file_that_goes_on_is_an_error(tmp_path):
    path = whole().write(tmp_path / "w.pth")
    path.write_bytes(path.read_bytes() + b"\0")

    with pytest.raises(ModelError, match="data after its last storage"):
        read_tensors(path)


def changed(**changes):
    checkpoint = whole()
    for name, value in changes.items():
        setattr(checkpoint, name, value)
    return checkpoint


@pytest.mark.parametrize(
    "checkpoint",
    [
        pytest.param(lambda: changed(magic=MAGIC + 1), id="other magic number"),
        pytest.param(lambda: changed(protocol=1002), id="other protocol"),
        pytest.param(lambda: changed(system={"little_endian": False}), id="big-endian"),
        pytest.param(lambda: changed(system=[]), id="no system"),
        pytest.param(lambda: changed(keys=["a"]), id="a storage without key"),
        pytest.param(lambda: changed(keys=["a", "b", "c"]), id="a key without storage"),
        pytest.param(lambda: changed(keys=["a", 7]), id="a key that is no text"),
        pytest.param(lambda: changed(data=[COUNT, VALUES[:5]]), id="short storage"),
        pytest.param(lambda: changed(state=[1, 2]), id="no dict"),
        pytest.param(lambda: changed(state={"x": 1.5}), id="a number for a tensor"),
        pytest.param(lambda: changed(state={1: Tensor("a", 6, (6,), (1,))}), id="unnamed tensor"),
        pytest.param(lambda: whole(size=(2, 4)), id="reaches beyond its storage"),
        pytest.param(lambda: whole(offset=1), id="starts too late"),
        pytest.param(lambda: whole(offset=-1), id="starts before its storage"),
        pytest.param(lambda: whole(offset=True), id="offset of another type"),
        pytest.param(lambda: whole(stride=(1, -1)), id="runs backwards"),
        pytest.param(lambda: whole(size=(10**6, 10**6), stride=(0, 0)), id="grows in memory"),
        pytest.param(lambda: whole(stride=(1,)), id="stride of another rank"),
        pytest.param(lambda: whole(size=[2, 3]), id="size of another type"),
        pytest.param(lambda: whole(length=-6), id="negative length"),
        pytest.param(lambda: whole(storage="HalfStorage"), id="unknown storage class"),
        pytest.param(lambda: whole(location="cuda:0"), id="on a GPU"),
        pytest.param(lambda: whole(rebuild="_rebuild_parameter"), id="unknown function"),
        pytest.param(lambda: whole(persistent=("module", "a")), id="unknown persistent object"),
        pytest.param(lambda: whole(key="b"), id="one storage with two dtypes"),
    ],
)
def test_anything_else_than_tensors_of_known_form_is_an_error(tmp_path, checkpoint):
    path = checkpoint().write(tmp_path / "w.pth")

    with pytest.raises(ModelError, match=r"w\.pth: .*Install the package"):
        read_tensors(path)


class Reduce:
    """Pickles as a call of any function with any arguments."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def _attacks(marker):
    command = f"touch {marker}"
    return {
        "os.system": Reduce(os.system, command),
        "eval": Reduce(eval, f"open({str(marker)!r}, 'w')"),
        "exec": Reduce(exec, f"open({str(marker)!r}, 'w')"),
        "open": Reduce(open, str(marker), "w"),
        "getattr": Reduce(getattr, dict, "fromkeys"),
        "numpy": Reduce(np.memmap, str(marker), "u1", "w+", 0, (1,)),
        "import": Reduce(__import__, "antigravity"),
    }


@pytest.mark.parametrize("attack", _attacks("x"))
@pytest.mark.parametrize("place", ["magic", "system", "state", "keys", "tensor", "size"])
def test_a_hostile_pickle_is_an_error_and_nothing_of_it_runs(tmp_path, attack, place):
    marker = tmp_path / "ran"
    payload = _attacks(marker)[attack]
    checkpoint = {
        "tensor": lambda: changed(state={"x": payload}),
        "size": lambda: whole(size=payload),
        "keys": lambda: changed(keys=[payload]),
    }.get(place, lambda: changed(**{place: payload}))()
    path = checkpoint.write(tmp_path / "w.pth")

    with pytest.raises(ModelError, match="it asks for"):
        read_tensors(path)

    assert not marker.exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"PK\x03\x04" + bytes(100), b"\x89HDF\r\n", b"<html>", b"\xff" * 64],
    ids=["empty", "PyTorch 1.6's zip", "HDF5", "web page", "noise"],
)
def test_other_files_are_errors(tmp_path, content):
    path = tmp_path / "w.pth"
    path.write_bytes(content)

    with pytest.raises(ModelError, match=r"before PyTorch 1\.6"):
        read_tensors(path)


def test_an_absent_file_is_an_error(tmp_path):
    with pytest.raises(ModelError, match="can't be read"):
        read_tensors(tmp_path / "absent.pth")
