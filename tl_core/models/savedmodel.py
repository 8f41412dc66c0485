"""Check that a SavedModel folder is complete, without building its graph."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from tl_core.errors import ModelError
from tl_core.storage import cache_dir, tree_digest

if TYPE_CHECKING:
    from pathlib import Path

    from tl_core.models.untyped import Message

GRAPH_FILE = "saved_model.pb"
#: Operations with values in the variables file, in graphs written by TensorFlow 1.
_VARIABLE_OPS = frozenset({"VarHandleOp", "Variable", "VariableV2"})


def fault(folder: Path) -> str | None:
    """The fault of a SavedModel folder in a few words; None if it is complete.

    Reads every variable once, which verifies its checksum. A complete folder is recognised by its
    content the next time, without TensorFlow.
    """
    if not folder.is_dir():
        return "no such folder"
    known = cache_dir() / "whole" / tree_digest(folder)
    if known.exists():
        return None
    problem = _fault(folder)
    if problem is None:
        with suppress(OSError):  # it only saves time
            known.parent.mkdir(parents=True, exist_ok=True)
            known.touch()
    return problem


def _fault(folder: Path) -> str | None:
    graph = folder / GRAPH_FILE
    if not graph.is_file():
        return f"no {GRAPH_FILE} in it"
    graphs = meta_graphs(graph)
    if not graphs:
        return f"{GRAPH_FILE} is cut off or damaged"
    for meta_graph in graphs:
        for asset in meta_graph.asset_file_def:
            if not (folder / "assets" / asset.filename).is_file():
                return f"assets/{asset.filename} is missing"
    if any(_needs_variables(meta_graph) for meta_graph in graphs):
        return _variables_fault(folder / "variables" / "variables")
    return None


def find_root(folder: Path) -> Path:
    """The SavedModel folder that ``folder`` is, or the only one inside it; else ModelError."""
    if (folder / GRAPH_FILE).is_file():
        return folder
    roots = sorted(path.parent for path in folder.rglob(GRAPH_FILE))
    if len(roots) == 1:
        return roots[0]
    names = ", ".join(str(path.relative_to(folder)) for path in roots)
    raise ModelError(f"{len(roots)} SavedModel folders ({names or 'none'}); expected exactly one")


def root_fault(folder: Path) -> str | None:
    """As ``fault``, of ``find_root(folder)``."""
    if not folder.is_dir():
        return f"{folder} is not a folder on this machine"
    try:
        return fault(find_root(folder))
    except ModelError as error:
        return str(error)


def meta_graphs(graph: Path) -> list[Message]:
    """The graphs in a SavedModel's file; none if it is damaged."""
    from google.protobuf.message import DecodeError
    from tensorflow.core.protobuf import saved_model_pb2

    saved_model = saved_model_pb2.SavedModel()
    try:
        saved_model.ParseFromString(graph.read_bytes())
    except DecodeError:
        return []
    return list(saved_model.meta_graphs)


def _needs_variables(meta_graph: Message) -> bool:
    """TensorFlow 2 always writes the file; TensorFlow 1 only if there are variables."""
    return bool(meta_graph.object_graph_def.nodes) or any(
        node.op in _VARIABLE_OPS for node in meta_graph.graph_def.node
    )


def _variables_fault(prefix: Path) -> str | None:
    import tensorflow as tf

    if not prefix.with_suffix(".index").is_file():
        return "variables/variables.index is missing"
    if not list(prefix.parent.glob(f"{prefix.name}.data-*-of-*")):
        return "variables/variables.data is missing"
    try:
        reader = tf.train.load_checkpoint(str(prefix))
        for name in reader.get_variable_to_shape_map():
            reader.get_tensor(name)
    except (tf.errors.OpError, LookupError, RuntimeError, ValueError):  # by where it ends
        return "variables are cut off or damaged"
    return None
