"""Which benchmarks both sides of a pair have, and which files couldn't be imported."""

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
    #: By side and file: how a process ended that imported the file, which is left out from then on.
    Fatal = dict[str, dict[str, BenchmarkOutcome]]


@dataclass(frozen=True)
class Benchmarks:
    """The benchmarks of both sides.

    Attributes:
        both, vanished, new: Ids of benchmarks that both sides have, in the candidate's order; that
            only the base has; that only the candidate has.
        tolerances: Arguments of the candidate's markers ``tolerance``, by id.
        errors: By side and id, the outcome of files and tests that couldn't be imported.
        notes: Lines for the user about how they run.
        loaded: By side, packages that were imported by the end, if the gate asked for them.
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
    """Ask both sides for their benchmarks, and make them run the wanted ones that both have.

    Returns:
        None if importing a file ended a process; then the file is in ``fatal``.

    Raises:
        InputError: An argument of pytest that names nothing in either side.
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
            f"{', '.join(nowhere)}: neither side has it; expected files, folders or tests that the "
            "base or the candidate has"
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
    """The message with a side's benchmarks, or with its end while it imported a file."""
    file = None
    while True:
        # A process that ends at any other moment is an error.
        fresh = file is not None and file not in fatal
        message = process.hear("importing", "collected", *(["died"] if fresh else []))
        if message["event"] == "collected":
            return message
        if message["event"] == "died":
            fatal[str(file)] = BenchmarkOutcome(message["outcome"], message["message"])
            return message
        file = message["file"]
