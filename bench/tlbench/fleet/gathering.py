"""What nodes measured, in files: each as soon as it comes, and only if it is valid."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING

from tlbench.cache import temporary_folder
from tlbench.runs.check import problems
from tlbench.runs.collect import read_run
from tlbench.runs.files import write_file
from tlbench.runs.write import free_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from tl_core.cluster import Node
    from tlbench.fleet.messages import Message
    from tlbench.runs.collect import Run

#: Characters of a node's identifier that tell nodes of one host apart.
SHORT = 8
#: In names of files and folders, as ``runs.write`` has it.
_UNSAFE = re.compile(r"[^\w.-]+")


@dataclass
class NodeRuns:
    """A node with what it measured.

    Attributes:
        label: Its host's name, with the beginning of its identifier where the host has several.
        runs: The earliest first.
        problem: Why it failed, in one line; None if it didn't. Its runs before that are kept.
        output: The last lines of its suite.
    """

    node: Node
    label: str
    runs: list[Run] = field(default_factory=list)
    problem: str | None = None
    output: str = ""


def node_runs(nodes: Sequence[Node]) -> list[NodeRuns]:
    """Nodes that have measured nothing yet; their labels are names of folders, too."""
    hosts = Counter(node.host for node in nodes)
    names = [
        f"{node.host}-{node.id[:SHORT]}" if hosts[node.host] > 1 else node.host for node in nodes
    ]
    labels = [_UNSAFE.sub("-", name).strip(".") or "node" for name in names]
    return list(map(NodeRuns, nodes, labels))


def gather(
    messages: Iterable[tuple[Node, Message]],
    gathered: Sequence[NodeRuns],
    runs: int,
    results: Path,
    say: Callable[[str], None],
) -> None:
    """Receive all messages, and write their result files to ``results/<machine>/<node>/``.

    A file that isn't valid is a failure of its node, as is a node that ends before its last run.

    Args:
        messages: From the nodes.
        gathered: All nodes. What they measured is added as it comes, so that it outlives an
            interruption.
        runs: How many each was asked for.
        results: The folder.
        say: Takes a line about each message.

    Raises:
        OSError: A file can't be written.
    """
    by_id = {each.node.id: each for each in gathered}
    since = dict.fromkeys(by_id, monotonic())
    for node, message in messages:
        each = by_id[node.id]
        if each.problem is None:
            _receive(each, message, results)
            seconds, since[node.id] = monotonic() - since[node.id], monotonic()
            say(_progress(each, message, runs, seconds))
    for each in gathered:
        if each.problem is None and len(each.runs) < runs:
            each.problem = f"it ended after {len(each.runs)} of {runs} runs"


def _receive(each: NodeRuns, message: Message, results: Path) -> None:
    each.output = message.output or each.output
    if message.state == "failed":
        each.problem = message.problem or "it doesn't say why"
    if message.state == "measured" or message.content:
        run, problem = _stored(message, results, each.label)
        if run:
            each.runs.append(run)
        each.problem = each.problem or problem


def _stored(message: Message, results: Path, label: str) -> tuple[Run | None, str | None]:
    """The run of a result file, which is written; or what is wrong with it."""
    with temporary_folder() as folder:
        path = folder / "run.json"
        path.write_bytes(message.content)
        wrong = problems(path)
        if wrong:
            reason = wrong[0].removeprefix(f"{path}: ")
            return None, f"its result file is not valid: {reason}"
        run = read_run(path, {})
    name = _UNSAFE.sub("-", message.name).lstrip(".-").removesuffix(".json") or "run"
    target = free_name(results / run.machine / label / f"{name}.json")
    write_file(target, message.content)
    return replace(run, path=target), None


def _progress(each: NodeRuns, message: Message, runs: int, seconds: float) -> str:
    if each.problem is not None:
        return f"{each.label}: failed: {each.problem}"
    if message.state == "begun":
        return f"{each.label}: run 1 of {runs}: ..."
    return f"{each.label}: run {len(each.runs)} of {runs}: {seconds:.0f} s"
