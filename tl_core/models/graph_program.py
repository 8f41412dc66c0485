"""What a graph of a SavedModel would run, read from its protocol buffers."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from tl_core.models.allowed_ops import ALLOWED, SAVER, WRITES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tl_core.models.untyped import Message

#: The collection that describes savers, whose operations it may name.
_SAVERS = "savers"


class GraphProgram:
    """The nodes of a MetaGraphDef and of its functions."""

    def __init__(self, meta_graph: Message) -> None:
        self._meta = meta_graph
        self._nodes: list[Message] = list(meta_graph.graph_def.node)
        library = meta_graph.graph_def.library
        self._functions: dict[str, list[Message]] = {
            each.signature.name: list(each.node_def) for each in library.function
        }
        #: Functions that use the file of variables, or call one that does; and those that write it.
        self._savers, self._writers = self._having(SAVER), self._having(WRITES)

    def problems(self) -> Iterator[str]:
        """What isn't allowed, each in a few words."""
        library = self._meta.graph_def.library
        if len(self._functions) < len(library.function):
            yield "two of its functions have the same name"
        for name in filter(_is_operation, self._functions):
            yield f"its function {name!r} has the name of an operation"
        for node in self._nodes:
            yield from self._node_problems(node, "its main graph")
        for name, nodes in self._functions.items():
            for node in nodes:
                yield from self._node_problems(node, f"its function {name!r}")
        for name in self._in_a_circle():
            yield f"its function {name!r} calls itself"
        for name in sorted(self._savers & _loaded_functions(self._meta)):
            yield f"its function {name!r} uses files of variables, outside the saver"
        yield from self._saver_problems()

    def _node_problems(self, node: Message, place: str) -> Iterator[str]:
        if node.op not in ALLOWED | SAVER and node.op not in self._functions:
            yield f"{place} has the operation {node.op}"
        for called in _called(node):
            if called not in self._functions:
                yield f"{place} calls {called!r}, which isn't one of its functions"
        for value in node.attr.values():
            if any(map(_is_handle, (value.tensor, *value.list.tensor))):
                yield f"{place} has a constant {node.name!r} that stands for an object in memory"

    def _having(self, operations: frozenset[str]) -> set[str]:
        """Functions with one of these operations, or that call one that has, at any depth."""
        callers: dict[str, set[str]] = defaultdict(set)
        for name, nodes in self._functions.items():
            for node in nodes:
                for called in (node.op, *_called(node)):
                    callers[called].add(name)
        return _reached(operations, callers) - operations

    def _in_a_circle(self) -> set[str]:
        """Functions that call themselves, or are called by those only."""
        calls = {
            name: {each for node in nodes for each in (node.op, *_called(node))}
            & {*self._functions}
            for name, nodes in self._functions.items()
        }
        while done := {name for name, called in calls.items() if not called}:
            calls = {name: called - done for name, called in calls.items() if name not in done}
        return set(calls)

    def _saver_problems(self) -> Iterator[str]:
        """Uses of the file of variables that something other than the saver runs."""
        after = self._followers(SAVER | self._savers)
        saver = self._meta.saver_def
        for name in sorted(after & set(_named(self._meta))):
            yield f"its node {name!r} uses files of variables, outside the saver"
        if _node_of(saver.restore_op_name) in self._followers(WRITES | self._writers):
            yield f"its node {saver.restore_op_name!r}, which restores, writes files"
        needs = {node.name: {*map(_node_of, node.input)} for node in self._nodes}
        restores = _reached([_node_of(saver.restore_op_name)], needs)
        own = [saver.filename_tensor_name.removesuffix(":0")]  # as inputs name a first output
        for node in self._nodes:
            if node.op == "RestoreV2" and node.name in restores and node.input[:1] != own:
                yield f"its node {node.name!r} reads another file than that of its variables"

    def _followers(self, sources: Iterable[str]) -> set[str]:
        """Nodes of the main graph that have or call one of these, or depend on such a node."""
        users: dict[str, set[str]] = defaultdict(set)
        for node in self._nodes:
            for each in node.input:
                users[_node_of(each)].add(node.name)
        first = {
            node.name for node in self._nodes if not {node.op, *_called(node)}.isdisjoint(sources)
        }
        return _reached(first, users)


def _reached(first: Iterable[str], following: Mapping[str, set[str]]) -> set[str]:
    """All names that follow from these, and these."""
    reached, waiting = set(first), list(first)
    while waiting:
        new = following.get(waiting.pop(), set()) - reached
        reached |= new
        waiting += new
    return reached


def _called(node: Message) -> Iterator[str]:
    """Functions that a node's attributes name."""
    for value in node.attr.values():
        for each in (value.func, *value.list.func):
            if each.name:
                yield each.name


def _is_handle(tensor: Message) -> bool:
    """Whether a constant is a resource or a variant: those are made while a graph runs."""
    from tensorflow.core.framework import types_pb2

    return tensor.dtype in (types_pb2.DT_RESOURCE, types_pb2.DT_VARIANT)


def _is_operation(name: str) -> bool:
    """Whether TensorFlow has an operation of this name."""
    from tensorflow.python.framework import op_def_registry

    return op_def_registry.get(name) is not None


def _node_of(tensor: str) -> str:
    """The node of a tensor's, or a control input's, name."""
    return tensor.removeprefix("^").partition(":")[0]


def _loaded_functions(meta_graph: Message) -> set[str]:
    """Functions that are called from outside the graph: objects have them."""
    graph = meta_graph.object_graph_def
    names = set(graph.concrete_functions)
    for each in graph.nodes:
        names |= {*each.function.concrete_functions, each.captured_tensor.concrete_function}
        names.add(each.bare_concrete_function.concrete_function_name)
    for gradient in meta_graph.graph_def.library.gradient:
        names |= {gradient.function_name, gradient.gradient_func}
    return names


def _named(meta_graph: Message) -> Iterator[str]:
    """Nodes of the main graph that are run from outside, besides those of the saver."""
    for signature in meta_graph.signature_def.values():
        for info in (*signature.inputs.values(), *signature.outputs.values()):
            yield from map(_node_of, _tensors(info))
    for asset in meta_graph.asset_file_def:
        yield _node_of(asset.tensor_info.name)
    for key, collection in meta_graph.collection_def.items():
        yield from map(_node_of, collection.node_list.value)
        if key != _SAVERS:
            for value in collection.bytes_list.value:
                yield from map(_node_of, _of_variable(value))


def _tensors(info: Message) -> Iterator[str]:
    sparse = info.coo_sparse
    yield from (info.name, sparse.values_tensor_name, sparse.indices_tensor_name)
    yield sparse.dense_shape_tensor_name
    for part in info.composite_tensor.components:
        yield from _tensors(part)


def _of_variable(value: bytes) -> tuple[str, ...]:
    """The nodes that a variable's description names; none if it is one of something else."""
    from google.protobuf.message import DecodeError
    from tensorflow.core.framework import variable_pb2

    variable = variable_pb2.VariableDef()
    try:
        variable.ParseFromString(value)
    except DecodeError:
        return ()
    return (
        variable.variable_name,
        variable.initial_value_name,
        variable.initializer_name,
        variable.snapshot_name,
    )
