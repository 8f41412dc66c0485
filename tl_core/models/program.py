"""Read the program in a SavedModel as data, and refuse what an image model doesn't need.

Loading a SavedModel runs some of its functions, and using it runs others: they can read and write
any file. Here nothing is built or run: the operations of every graph and of every function are
compared with a list of those that only compute.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import PureWindowsPath
from typing import TYPE_CHECKING

from tl_core.errors import ModelError
from tl_core.models.allowed_ops import list_version
from tl_core.models.graph_program import GraphProgram
from tl_core.models.probing import shown
from tl_core.models.savedmodel import GRAPH_FILE, meta_graphs
from tl_core.storage import cache_dir, sha256_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tl_core.models.untyped import Message

#: Raised when the check itself changes, so that models are checked again.
CHECK_VERSION = 1
#: Most problems that an error names.
_SHOWN = 3
#: Classes of objects that TensorFlow itself registers: constants, and tables in memory.
_CLASSES = ("", "tf.StaticHashTable", "tf.TrackableConstant")


def check_program(folder: Path, name: str) -> None:
    """Refuse a SavedModel folder whose program isn't that of an image model.

    A graph that was accepted is recognised by its content the next time, without TensorFlow.

    Args:
        folder: The SavedModel folder.
        name: The model's handle, for messages.

    Raises:
        ModelError: An operation that isn't in ``allowed_ops``, with the function that has it; a
            function that calls itself; a file of variables that a function reads or writes; or an
            asset outside the folder.
    """
    graph = folder / GRAPH_FILE
    if not graph.is_file():
        raise ModelError(
            f"{name}: can't be loaded (no {GRAPH_FILE} in {folder}); expected a whole SavedModel"
        )
    mark = cache_dir() / "allowed" / f"{CHECK_VERSION}-{list_version()}-{sha256_of(graph)}"
    if mark.exists():
        return
    graphs = meta_graphs(graph)
    if not graphs:
        raise ModelError(f"{name}: {GRAPH_FILE} is cut off or damaged; export the model again")
    problems = list(dict.fromkeys(each for one in graphs for each in _problems(one)))
    if problems:
        more = f", and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else ""
        raise ModelError(
            f"{name}: not run, since {'; '.join(map(shown, problems[:_SHOWN]))}{more}. Expected "
            "only operations of image models, which read and write no files. Don't use this model; "
            "or set trust if you know who made it, and why it needs this"
        )
    with suppress(OSError):  # it only saves time
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()


def _problems(meta_graph: Message) -> Iterator[str]:
    """What isn't allowed in one of its graphs, each in a few words."""
    for asset in meta_graph.asset_file_def:
        path = PureWindowsPath(asset.filename)  # Windows splits at both kinds of slash
        if path.anchor or ".." in path.parts:
            yield f"its asset {asset.filename!r} is outside its folder"
    for each in meta_graph.object_graph_def.nodes:
        if each.registered_name not in _CLASSES:
            yield f"it has an object of the registered class {each.registered_name}"
    yield from GraphProgram(meta_graph).problems()
