"""What is fuzzed: every parser of this project that reads bytes from strangers.

A target takes bytes. It raises only if the parser did something else than read them or refuse them
by its own error.
"""

from __future__ import annotations

import io
import json
import pickle
import tarfile
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from bench.studies.files import ROOT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path


@dataclass(frozen=True)
class Target:
    """A parser.

    Attributes:
        read: Takes the bytes, and a file that has them.
        seeds: Valid input to start from.
        modules: What is instrumented: the parser and what it calls in Python.
    """

    read: Callable[[bytes, Path], None]
    seeds: Callable[[], Iterable[bytes]]
    modules: tuple[str, ...]


def read_result(data: bytes, path: Path) -> None:
    """A result file; what ``check`` accepts must be readable."""
    del data
    from tlbench.runs.check import problems
    from tlbench.runs.read import ResultError, read_file

    accepted = not problems(path)
    try:
        read_file(path)
    except ResultError:
        if accepted:
            raise AssertionError("check accepts what can't be read") from None


def result_seeds() -> Iterable[bytes]:
    """The smallest committed result files."""
    files = sorted((ROOT / "results").glob("*cpus*/*.json"), key=lambda path: path.stat().st_size)
    for path in files[:3]:
        whole = json.loads(path.read_text(encoding="utf-8"))
        for row in whole["benchmarks"]:
            row["extra_info"].pop("samples", None)
        yield json.dumps(whole | {"benchmarks": whole["benchmarks"][:1]}).encode()


def read_stored_baseline(data: bytes, path: Path) -> None:
    """A stored baseline."""
    del data
    from tlbench.gate.baseline import BaselineError, read_baseline

    with suppress(BaselineError):
        read_baseline(path)


def baseline_seeds() -> Iterable[bytes]:
    """Of one run."""
    (run, *_) = result_seeds()
    yield json.dumps({"tlbench_baseline": 1, "command": ["x"], "runs": [json.loads(run)]}).encode()


def read_journal(data: bytes, path: Path) -> None:
    """The journal of an interrupted gate."""
    del data
    from tlbench.gate.pair_result import Journal, JournalError

    with suppress(JournalError):
        Journal(path, {}).resume()


def journal_seeds() -> Iterable[bytes]:
    """Of one pair."""
    timed = {"base": [1e-3, 2e-3], "head": [1e-3, 2e-3]}
    pair = {"head_first": True, "benchmarks": {"test_a": timed}, "seconds": 1.0}
    lines: tuple[dict[str, object], ...] = ({"what": {}}, pair)
    yield "".join(json.dumps(line) + "\n" for line in lines).encode()


def read_price_file(data: bytes, path: Path) -> None:
    """A file of prices."""
    del data
    from tlbench.compare.prices import read_prices
    from tlbench.errors import InputError

    with suppress(InputError):
        read_prices(path)


def read_arm(data: bytes, path: Path) -> None:
    """An arm of a gate, as typed."""
    del path
    from tlbench.errors import InputError
    from tlbench.gate.arms import ArmError, parse_arm
    from tlbench.suite.arm_options import ARM_OPTIONS

    with suppress(ArmError, InputError):
        parse_arm(data.decode("utf-8", "surrogateescape"), ARM_OPTIONS)


def read_cifar_pickle(data: bytes, path: Path) -> None:
    """A pickled batch of CIFAR-10."""
    del path
    from tl_core.data.restricted_pickle import read_pickle
    from tl_core.errors import DataError

    with suppress(DataError):
        read_pickle(data, "batch")


def pickle_seeds() -> Iterable[bytes]:
    """In each protocol."""
    content = {"data": np.zeros((2, 6), np.uint8), "labels": [1, 2], b"names": [b"a"]}
    return (pickle.dumps(content, protocol) for protocol in range(6))


def read_graph(data: bytes, path: Path) -> None:
    """The graph of a SavedModel, read as data before anything of it runs."""
    from tl_core.errors import ModelError
    from tl_core.models.program import check_program

    folder = path.with_name("model")
    folder.mkdir(exist_ok=True)
    (folder / "saved_model.pb").write_bytes(data)
    with suppress(ModelError):
        check_program(folder, "model")


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


def read_keras_config(data: bytes, path: Path) -> None:
    """A Keras model's description."""
    del path
    from tl_core.errors import ModelError
    from tl_core.models.keras_config import check_config

    with suppress(ModelError, ValueError):  # ValueError: not JSON
        check_config(json.loads(data), "model")


def keras_seeds() -> Iterable[bytes]:
    """A model of two layers, one of them with another inside."""
    inner = {"class_name": "Dense", "config": {"units": 2, "activation": "relu"}, "module": "keras"}
    layers = [inner, {"class_name": "TimeDistributed", "config": {"layer": inner}}]
    yield json.dumps({"class_name": "Sequential", "config": {"layers": layers}}).encode()


def read_model_notes(data: bytes, path: Path) -> None:
    """Notes beside a model."""
    from tl_core.errors import ModelError
    from tl_core.models.notes import NOTES_FILE, read_notes

    file = path.with_name("notes") / NOTES_FILE
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    with suppress(ModelError):
        read_notes(path.with_name("notes"))


def read_checkpoint(data: bytes, path: Path) -> None:
    """A PyTorch checkpoint in the old format."""
    del data
    from tl_core.errors import ModelError
    from tl_core.models.torch_pickle import read_tensors

    with suppress(ModelError):
        read_tensors(path)


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


def read_archive(data: bytes, path: Path) -> None:
    """An archive of a model; its SavedModel is never complete."""
    del data
    from tl_core.errors import ModelError
    from tl_core.models.archive import unpack

    with suppress(ModelError):
        unpack(path)


def archive_seeds() -> Iterable[bytes]:
    """A folder and a file."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, content in (("model/saved_model.pb", b"\x08\x01"), ("model/a/b", b"x" * 600)):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    yield buffer.getvalue()


def read_npz(data: bytes, path: Path) -> None:
    """CIFAR-10 as Keras stores it, of two training batches with one image each."""
    del data
    from tl_core.data import cifar_layouts
    from tl_core.errors import DataError

    with suppress(DataError):
        cifar_layouts.read_npz(path, records=1)


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


def read_features_manifest(data: bytes, path: Path) -> None:
    """The manifest of extracted features."""
    from tl_core.errors import DataError
    from tl_core.extraction import Settings
    from tl_core.extraction.manifest import FILE, read_manifest
    from tl_core.extraction.output import output_at

    folder = path.with_name("features")
    folder.mkdir(exist_ok=True)
    (folder / FILE).write_bytes(data)
    with suppress(DataError):
        read_manifest(output_at(str(folder)), Settings())


def manifest_seeds() -> Iterable[bytes]:
    """Of a run that was interrupted."""
    from tl_core.extraction import Settings
    from tl_core.extraction.manifest import FORMAT, RUNNING

    chosen = {"engine": "tensorflow", "image_size": 224, "chunk": None}
    begun = {"format": FORMAT, "state": RUNNING, "asked": Settings().asked, "settings": chosen}
    yield json.dumps({**begun, "workers": [{"threads": 1, "replicas": 1}]}).encode()


TARGETS = {
    "result": Target(
        read_result, result_seeds, ("tlbench.runs.check", "tlbench.runs.read", "tlbench.text_files")
    ),
    "baseline": Target(
        read_stored_baseline, baseline_seeds, ("tlbench.gate.baseline", "tlbench.text_files")
    ),
    "prices": Target(
        read_price_file, lambda: [b"m = 0.1\na.b = 2\n"], ("tlbench.compare.prices", "tomllib")
    ),
    "arm": Target(
        read_arm,
        lambda: [b"ref=main,pip=numpy==2.0,env.A=1,threads=2", b"python=/bin/python,engine=litert"],
        ("tlbench.gate.arms", "tlbench.suite.options", "tlbench.suite.arm_options"),
    ),
    "journal": Target(read_journal, journal_seeds, ("tlbench.gate.pair_result",)),
    "graph": Target(
        read_graph, graph_seeds, ("tl_core.models.program", "tl_core.models.graph_program")
    ),
    "keras": Target(read_keras_config, keras_seeds, ("tl_core.models.keras_config",)),
    "notes": Target(read_model_notes, lambda: [b'{"image_size": 32}'], ("tl_core.models.notes",)),
    "pickle": Target(
        read_cifar_pickle, pickle_seeds, ("tl_core.data.restricted_pickle", "tl_core.pickle_reader")
    ),
    "checkpoint": Target(
        read_checkpoint, checkpoint_seeds, ("tl_core.models.torch_pickle", "tl_core.pickle_reader")
    ),
    "archive": Target(read_archive, archive_seeds, ("tl_core.models.archive", "tl_core.tar_files")),
    "npz": Target(read_npz, npz_seeds, ("tl_core.data.cifar_layouts", "tl_core.zip_files")),
    "manifest": Target(
        read_features_manifest, manifest_seeds, ("tl_core.extraction.manifest", "json.decoder")
    ),
}
