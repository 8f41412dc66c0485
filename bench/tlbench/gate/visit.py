"""After the pairs: run some benchmarks again in both arms, for a profile or a count."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from tlbench.errors import InputError
from tlbench.gate.arm_process import ArmDied
from tlbench.gate.collected import collect
from tlbench.gate.pair import BEGINNINGS
from tlbench.gate.pair_result import BASE, CANDIDATE
from tlbench.interruption import Terminated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from contextlib import AbstractContextManager

    from tlbench.gate.collected import Fatal, Processes

#: Names of the sides in sentences.
SIDES = {BASE: "base", CANDIDATE: "candidate"}
#: Variables of both processes: the hash seed is always the same.
HASHES = {"PYTHONHASHSEED": f"{0:010}"}

T = TypeVar("T")


class Unanswered(Exception):  # noqa: N818 - the name is the event
    """An order that has no answer; why, in one sentence."""


@dataclass
class Visit:
    """A benchmark that waits in both processes.

    Attributes:
        ready: What each side sent when it was ready.
        over: By side that ended, its last message.
    """

    processes: Processes
    ready: Mapping[str, dict[str, Any]]
    over: dict[str, dict[str, Any]] = field(default_factory=dict)

    def ask(self, *sides: str, **order: Any) -> dict[str, dict[str, Any]]:  # noqa: ANN401 - JSON
        """The answers of these sides to an order, on which they work at the same time.

        Raises:
            Unanswered: The function raised, or a process died.
        """
        for key in sides:
            self.processes[key].tell(**order)
        messages = {
            key: self.processes[key].hear("answer", "round", "raised", "died") for key in sides
        }
        ended = {key: each for key, each in messages.items() if each["event"] in {"raised", "died"}}
        self.over |= ended
        for key, message in ended.items():
            died = message["event"] == "died"
            where = f"the {SIDES[key]}'s process" if died else f"in the {SIDES[key]}:"
            raise Unanswered(f"{where} {message['message']}")
        return messages


def ask_all(
    start: Callable[[Fatal], AbstractContextManager[Processes]],
    names: Iterable[str],
    ask: Callable[[str, Visit], T],
    failure: str,
) -> tuple[dict[str, T], list[str]]:
    """Run these benchmarks again. Returns what ``ask`` returned, by name, and notes on the others.

    Args:
        start: Starts both processes without these files, and ends them after the block.
        names: Ids of benchmarks.
        ask: Gives orders to a benchmark that is ready in both processes.
        failure: The text of a note before the reason.
    """
    answers, notes = {}, []
    try:
        for name, answer in visit(start, names, ask):
            if isinstance(answer, Unanswered):
                notes.append(f"{name}: {failure}: {answer}")
            else:
                answers[name] = answer
    except (ArmDied, InputError, OSError) as error:
        notes.append(f"{failure}: {str(error).splitlines()[0]}")
    except Terminated:
        raise
    except KeyboardInterrupt:
        notes.append(f"{failure}: interrupted")
    return answers, notes


def visit(
    start: Callable[[Fatal], AbstractContextManager[Processes]],
    names: Iterable[str],
    ask: Callable[[str, Visit], T],
) -> Iterator[tuple[str, T | Unanswered]]:
    """As ``ask_all``, one after the other; if a process dies, two new ones continue.

    Raises:
        InputError: An argument of pytest that names nothing in either side.
        ArmDied: A process ended before it had collected its benchmarks.
    """
    left = set(names)
    fatal: Fatal = {side: {} for side in SIDES}
    while left:
        with start(fatal) as processes:
            there = collect(processes, left.__contains__, fatal)
            if there is None:
                continue
            for name in left.difference(there.both):
                yield name, Unanswered("it isn't collected any more")
            left.intersection_update(there.both)
            for name in there.both:
                left.remove(name)
                answer, alive = _visit_one(name, processes, ask)
                yield name, answer
                if not alive:
                    break


def _visit_one(
    name: str, processes: Processes, ask: Callable[[str, Visit], T]
) -> tuple[T | Unanswered, bool]:
    """The answer, and whether both processes can continue."""
    answer: T | Unanswered = Unanswered("it isn't timed any more")
    ends = {key: process.hear(*BEGINNINGS) for key, process in processes.items()}
    one = Visit(processes, dict(ends))
    ready = [key for key, message in ends.items() if message["event"] == "ready"]
    if len(ready) == len(processes):
        try:
            answer = ask(name, one)
        except Unanswered as error:
            answer = error
    for key in ready:
        if key not in one.over:
            processes[key].tell(do="finish" if len(ready) == len(processes) else "skip")
        died = one.over.get(key, {}).get("event") == "died"
        ends[key] = one.over[key] if died else processes[key].hear("done", "died")
    return answer, all(end["event"] == "done" and not end["ends"] for end in ends.values())
