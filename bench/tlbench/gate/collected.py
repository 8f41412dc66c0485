"""Which benchmarks both sides of a pair have, and what couldn't be imported."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tlbench.errors import InputError
from tlbench.gate.pair_result import BASE, CANDIDATE, BenchmarkOutcome

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tlbench.gate.arm_process import ArmProcess

    #: Processes by side, in the order of the first turn.
    Processes = Mapping[str, ArmProcess]
    #: By side, how files ended processes that imported them; they are left out from then on.
    Fatal = dict[str, dict[str, BenchmarkOutcome]]


@dataclass(frozen=True)
class Benchmarks:
    """Ids of benchmarks that both sides have, only the base, only the candidate; in its order.

    Attributes:
        tolerances: Arguments of the candidate's markers ``tolerance``, by id.
        errors: By side, how what couldn't be imported ended, by id.
        notes: What the user is to know of how they run.
        loaded: By side, packages that were imported by the end, if they were asked for.
        starts: How many times both processes were started.
    """

    both: tuple[str, ...]
    vanished: tuple[str, ...]
    new: tuple[str, ...]
    tolerances: dict[str, dict[str, Any]]
    errors: dict[str, dict[str, BenchmarkOutcome]]
    notes: tuple[str, ...]
    loaded: dict[str, dict[str, Any]] = field(default_factory=dict)
    starts: int = 1


def collect(processes: Processes, wanted: Callable[[str], bool], fatal: Fatal) -> Benchmarks | None:
    """Ask both sides for their benchmarks, and make them run those of both that are wanted.

    Returns:
        None where importing a file ended a process; then the file is in ``fatal``.

    Raises:
        InputError: An argument that leads to nothing in either side.
        ArmDied: A process ended before it had collected its benchmarks.
    """
    messages = {}
    for key, process in processes.items():
        messages[key] = _collected(process, fatal[key])
        if messages[key]["event"] == "died":
            return None
    nowhere = [each for each in messages[BASE]["missing"] if each in messages[CANDIDATE]["missing"]]
    if nowhere:
        raise InputError(
            f"{', '.join(nowhere)}: neither side has it; expected files, folders or tests that are "
            "in the base, in the candidate, or in both"
        )
    old, new = (messages[key]["tolerances"] for key in (BASE, CANDIDATE))
    both = [name for name in new if name in old and wanted(name)]
    for process in processes.values():
        process.tell(run=both)
    return Benchmarks(
        tuple(both),
        tuple(name for name in old if name not in new),
        tuple(name for name in new if name not in old),
        {name: new[name] for name in new if name in old},
        {
            key: {
                name: BenchmarkOutcome(end["outcome"], end["message"])
                for name, end in message["errors"].items()
            }
            | fatal[key]
            for key, message in messages.items()
        },
        tuple(dict.fromkeys(note for each in messages.values() for note in each["notes"])),
    )


def _collected(process: ArmProcess, fatal: dict[str, BenchmarkOutcome]) -> dict[str, Any]:
    """What a side has collected, or its end while it imported a file."""
    file = None
    while True:
        # Where no file is being imported, or one that was to be left out, that is an error.
        fresh = file is not None and file not in fatal
        message = process.hear("importing", "collected", *(["died"] if fresh else []))
        if message["event"] == "collected":
            return message
        if message["event"] == "died":
            fatal[str(file)] = BenchmarkOutcome(message["outcome"], message["message"])
            return message
        file = message["file"]
