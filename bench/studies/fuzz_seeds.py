"""Valid input of each parser that is fuzzed, from which fuzzing starts."""

from __future__ import annotations

import io
import json
import pickle
import tarfile
from typing import TYPE_CHECKING

import numpy as np

from bench.studies.files import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterable


def result_seeds() -> Iterable[bytes]:
    """The smallest committed result files."""
    files = sorted((ROOT / "results").glob("*cpus*/*.json"), key=lambda path: path.stat().st_size)
    for path in files[:3]:
        whole = json.loads(path.read_text(encoding="utf-8"))
        for row in whole["benchmarks"]:
            row["extra_info"].pop("samples", None)
        yield json.dumps(whole | {"benchmarks": whole["benchmarks"][:1]}).encode()


def baseline_seeds() -> Iterable[bytes]:
    """Of one run."""
    (run, *_) = result_seeds()
    yield json.dumps({"tlbench_baseline": 1, "command": ["x"], "runs": [json.loads(run)]}).encode()


def journal_seeds() -> Iterable[bytes]:
    """Of one pair."""
    timed = {"base": [1e-3, 2e-3], "head": [1e-3, 2e-3]}
    pair = {"head_first": True, "benchmarks": {"test_a": timed}, "seconds": 1.0}
    lines: tuple[dict[str, object], ...] = ({"what": {}}, pair)
    yield "".join(json.dumps(line) + "\n" for line in lines).encode()


def pickle_seeds() -> Iterable[bytes]:
    """In each protocol."""
    content = {"data": np.zeros((2, 6), np.uint8), "labels": [1, 2], b"names": [b"a"]}
    return (pickle.dumps(content, protocol) for protocol in range(6))


def graph_seeds() -> Iterable[bytes]:
    """Of one operation in the graph, and one in a function."""
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

    saved = SavedModel(saved_model_schema_version=1)
    graph = saved.meta_graphs.add().graph_def
    graph.node.add(name="x", op="Placeholder").attr["dtype"].type = 1
    function = graph.library.function.add()
    function.signature.name = "f"
    function.node_def.add(name="y", op="Relu", input=["x"]).attr["T"].type = 1
    yield saved.SerializeToString()


def keras_seeds() -> Iterable[bytes]:
    """A model of two layers, one of them with another inside."""
    inner = {"class_name": "Dense", "config": {"units": 2, "activation": "relu"}, "module": "keras"}
    layers = [inner, {"class_name": "TimeDistributed", "config": {"layer": inner}}]
    yield json.dumps({"class_name": "Sequential", "config": {"layers": layers}}).encode()


def checkpoint_seeds() -> Iterable[bytes]:
    """Of one tensor of two by three numbers, as PyTorch wrote them."""
    from tl_core.models.torch_pickle import MAGIC, PROTOCOL

    state = (
        b"\x80\x02ccollections\nOrderedDict\n)RX\x01\x00\x00\x00wctorch._utils\n_rebuild_tensor_v2\n"
        b"((X\x07\x00\x00\x00storagectorch\nFloatStorage\nX\x01\x00\x00\x00aX\x03\x00\x00\x00cpu"
        b"K\x06NtQK\x00K\x02K\x03\x86K\x03K\x01\x86\x89ccollections\nOrderedDict\n)RtRs."
    )
    start = (pickle.dumps(part, 2) for part in (MAGIC, PROTOCOL, {"little_endian": True}))
    values = np.arange(6, dtype="<f4").tobytes()
    yield b"".join([*start, state, pickle.dumps(["a"], 2), (6).to_bytes(8, "little"), values])


def archive_seeds() -> Iterable[bytes]:
    """A folder and a file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in (("model/saved_model.pb", b"\x08\x01"), ("model/a/b", b"x" * 600)):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    yield buffer.getvalue()


def npz_seeds() -> Iterable[bytes]:
    """Stored, and compressed."""
    arrays = {
        f"{name}_{kind}": np.zeros((count, *shape), np.uint8)
        for kind, count in (("train", 5), ("test", 1))
        for name, shape in (("x", (32, 32, 3)), ("y", (1,)))
    }
    for save in (np.savez, np.savez_compressed):
        buffer = io.BytesIO()
        save(buffer, **arrays)  # type: ignore[arg-type]
        yield buffer.getvalue()


def manifest_seeds() -> Iterable[bytes]:
    """Of a run that was interrupted."""
    from tl_core.extraction import Settings
    from tl_core.extraction.manifest import FORMAT, RUNNING

    chosen = {"engine": "tensorflow", "image_size": 224, "chunk": None}
    begun = {"format": FORMAT, "state": RUNNING, "asked": Settings().asked, "settings": chosen}
    yield json.dumps({**begun, "workers": [{"threads": 1, "replicas": 1}]}).encode()
