"""The suite's runs as Ray tasks: one per node, which has all of the node's CPUs and GPUs."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any, Self

from tl_core.errors import line_of
from tlbench.fleet import entry
from tlbench.fleet.messages import Message, decoded

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from tl_core.cluster import Node

#: Seconds beyond a run's limit in which a node must answer: what is between two runs.
MARGIN_S = 60.0
#: Seconds in which a task must end after it was asked to.
GRACE_S = 15.0


@dataclass(frozen=True)
class Order:
    """What every node is to do.

    Attributes:
        arguments: Of pytest, with ``--benchmark``.
        runs: Number of runs, one after the other.
        limit_s: Seconds that each run may take, and for which a node's CPUs may be in use.
    """

    arguments: tuple[str, ...]
    runs: int = 1
    limit_s: float = 3600.0


@dataclass
class _Task:
    node: Node
    deadline: float
    begun: bool = False


class Tasks:
    """A task on each node, all at once; its messages in the order in which they come.

    A context: what is still running at its end is ended, with its processes.

    Args:
        ray: The connected module ``ray``.
        nodes: Where.
        order: What.
    """

    def __init__(
        self,
        ray: Any,  # noqa: ANN401 - a module
        nodes: Sequence[Node],
        order: Order,
    ) -> None:
        self._ray, self._order = ray, order
        ray.cloudpickle.register_pickle_by_value(entry)
        self._begin = ray.remote(entry.begin)
        self._tasks: dict[Any, _Task] = {}
        self._nodes = nodes

    def __enter__(self) -> Self:
        try:
            for node in self._nodes:
                self._tasks[self._started(node)] = _Task(node, self._deadline())
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __iter__(self) -> Iterator[tuple[Node, Message]]:
        """Messages with the nodes that they are from; a node that fails otherwise has one, too."""
        while self._tasks:
            first = min(task.deadline for task in self._tasks.values())
            wait_s = max(0.0, first - monotonic())
            ready, _ = self._ray.wait(list(self._tasks), num_returns=1, timeout=wait_s)
            late = [each for each, task in self._tasks.items() if task.deadline <= monotonic()]
            for each in ready or late:
                task = self._tasks[each]
                message = self._message(each, task) if ready else self._late(task)
                if message is None:
                    del self._tasks[each]
                    continue
                if message.state == "failed":
                    self._end([each])
                yield task.node, message

    def close(self) -> None:
        """End what is still running."""
        self._end(list(self._tasks))

    def _started(self, node: Node) -> Any:  # noqa: ANN401 - Ray's
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        task = self._begin.options(
            num_cpus=node.cpus,
            num_gpus=node.gpus,
            max_retries=0,
            scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False),
        )
        order = self._order
        return task.remote(entry.installed(), order.arguments, order.runs, order.limit_s, node.cpus)

    def _deadline(self) -> float:
        return monotonic() + self._order.limit_s + MARGIN_S

    def _message(self, stream: Any, task: _Task) -> Message | None:  # noqa: ANN401 - Ray's
        """A node's next message; None at its end."""
        try:
            message = decoded(self._ray.get(next(stream)))
        except StopIteration:
            return None
        except self._ray.exceptions.RayTaskError as error:
            cause = error.cause
            problem = f"its task failed ({type(cause).__name__}: {line_of(cause)})"
            return Message(state="failed", problem=problem)
        except self._ray.exceptions.RayError as error:
            return Message(state="failed", problem=f"it was lost ({line_of(error)})")
        task.begun, task.deadline = True, self._deadline()
        return message

    def _late(self, task: _Task) -> Message:
        what = "no answer came" if task.begun else "its CPUs did not become free"
        return Message(
            state="failed", problem=f"{what} within {self._order.limit_s:.0f} s (--timeout)"
        )

    def _end(self, streams: Sequence[Any]) -> None:
        """End tasks: by an interruption, so that they end their processes, and then by force."""
        for each in streams:
            self._tasks.pop(each, None)
            self._ray.cancel(each, force=False)
        ends = [each.completed() for each in streams]
        if ends:
            _, alive = self._ray.wait(ends, num_returns=len(ends), timeout=GRACE_S)
            for each in streams if alive else ():
                self._ray.cancel(each, force=True)
