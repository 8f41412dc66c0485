"""A baseline: several whole runs of the same benchmarks on the same machine, in one file.

One run doesn't show how much runs differ, which must be known to distinguish a slowdown from noise.
The file is JSON: ``{"tlbench_baseline": 1, "command": [...], "runs": [...]}``. Each run is as
pytest-benchmark writes it, with every round, and with the machine in ``machine_info["tlbench"]``.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from statistics import StatisticsError, median
from typing import TYPE_CHECKING, Any

import msgspec

from tlbench.errors import InputError
from tlbench.figures import Amount, Positive
from tlbench.machine.difference import compare_fingerprints
from tlbench.runs.files import keep
from tlbench.text_files import parse_json, read_text

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

#: Fields that must be equal in two rows of this suite: their job.
JOB = (
    *("workload", "model", "data_fingerprint", "engine", "precision", "device", "threads"),
    *("batch_size", "image_size", "train_size", "test_size", "images"),
)
#: Fields that must be equal if both rows have them; rows of earlier versions don't.
IF_KNOWN = ("model_fingerprint",)
#: The format that is written, and the only one that is read.
FORMAT = 1
#: Bytes of the file: a run of a large suite has some millions.
MOST_BASELINE = 256_000_000
#: Fewer runs don't show how much runs differ.
LEAST_RUNS = 3
#: The fields of a row's ``extra_info`` that a gate needs.
INFO = (*JOB, *IF_KNOWN, "stage", "accuracy", "correct")

StoredRun = dict[str, Any]


class BaselineError(InputError):
    """A baseline that can't be read: the file, the place in it, what was expected."""


@dataclass(frozen=True)
class StoredBenchmark:
    """What a gate needs of a benchmark's runs.

    Attributes:
        logs: log(median seconds) of each run.
        errors: The standard error of each.
        info: ``INFO`` of the run whose accuracy is in the middle.
    """

    logs: tuple[float, ...]
    errors: tuple[float, ...]
    info: dict[str, Any]


@dataclass(frozen=True)
class Baseline:
    """The contents of the file: pytest's arguments, and the runs that they made, oldest first.

    Of a run that the file has several times, ``copies`` were left out.
    """

    command: tuple[str, ...]
    runs: tuple[StoredRun, ...]
    copies: int = 0

    def benchmarks(self) -> dict[str, StoredBenchmark]:
        """What a gate needs of each benchmark, by full name."""
        rows: dict[str, list[Any]] = {}
        for run in self.runs:
            for name, row in rows_of(run).items():
                rows.setdefault(name, []).append(row)
        return {name: _stored(each) for name, each in rows.items()}


def read_baseline(path: Path) -> Baseline:
    """Read a file that ``write_baseline`` wrote.

    Raises:
        BaselineError: The file is missing, isn't JSON, isn't a baseline, or is incomplete.
    """
    try:
        whole = parse_json(read_text(path, MOST_BASELINE))
    except InputError as error:
        raise BaselineError(
            f"{path}: not a readable baseline ({error}); make one with tlbench baseline"
        ) from error
    version = whole.get("tlbench_baseline") if isinstance(whole, dict) else None
    if version != FORMAT or isinstance(version, bool):
        raise BaselineError(
            f"{path}: tlbench_baseline: {version!r}, expected {FORMAT}; the file of a single run "
            "is not a baseline: make one of several runs with tlbench baseline"
        )
    runs, command = whole.get("runs"), whole.get("command")
    if not isinstance(runs, list) or not isinstance(command, list):
        raise BaselineError(f"{path}: expected lists under 'command' and 'runs'")
    for number, run in enumerate(runs):
        problem = run_problem(run)
        if problem:
            raise BaselineError(f"{path}: runs[{number}]: {problem}")
    return Baseline(tuple(map(str, command)), *_without_copies(runs))


def _without_copies(runs: list[StoredRun]) -> tuple[tuple[StoredRun, ...], int]:
    """Each run once, and how many were copies: of the same date, with the same rounds."""
    once: dict[str, StoredRun] = {}
    for number, run in enumerate(runs):
        date = run.get("datetime")
        key = json.dumps([date, run["benchmarks"]]) if date else str(number)
        once.setdefault(key, run)
    return tuple(once.values()), len(runs) - len(once)


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Write the file, whole or not at all; InputError if it can't be, which says where it is."""
    whole = {"tlbench_baseline": FORMAT, "command": baseline.command, "runs": baseline.runs}
    _, problem = keep(path, json.dumps(whole) + "\n")
    if problem:
        raise BaselineError(problem)


def run_problem(run: object) -> str | None:
    """Why a run can't be part of a baseline; None if it can."""
    if not isinstance(run, dict) or not isinstance(run.get("benchmarks"), list):
        return "no list under 'benchmarks'; expected pytest-benchmark's JSON"
    machine = run.get("machine_info")
    if not isinstance(machine, dict) or not isinstance(machine.get("tlbench"), dict):
        return "machine_info.tlbench: missing, so the machine is unknown; use tlbench baseline"
    for number, row in enumerate(run["benchmarks"]):
        if not _is_row(row):
            return f"benchmarks[{number}]: expected fullname, extra_info and stats.data in seconds"
    return None


def _is_row(row: object) -> bool:
    return (
        isinstance(row, dict)
        and isinstance(row.get("stats"), dict)
        and isinstance(row.get("fullname"), str)
        and isinstance(row.get("extra_info"), dict)
        and usable(row["stats"].get("data"))
    )


def usable(seconds: Any) -> bool:  # noqa: ANN401 - JSON
    """Whether these are a run's rounds: numbers from 0, with a median above it."""
    try:
        msgspec.convert(median(msgspec.convert(seconds, list[Amount])), Positive)
    except (msgspec.ValidationError, StatisticsError):
        return False
    return True


def rows_of(run: StoredRun) -> dict[str, Any]:
    """The run's rows by full name."""
    return {row["fullname"]: row for row in run["benchmarks"]}


def facts_of(run: StoredRun) -> dict[str, Any]:
    """The fingerprint of the machine that a run was made on."""
    facts: dict[str, Any] = run["machine_info"]["tlbench"]
    return facts


def is_isolated(run: StoredRun) -> bool:
    """Whether each of the run's benchmarks had a process of its own."""
    ours = run.get("tlbench")
    return bool(ours.get("isolated")) if isinstance(ours, dict) else False


def disagreement(old: StoredRun, new: StoredRun) -> str | None:
    """Why two runs can't be in one baseline; None if they can."""
    reason = other_machine(facts_of(old), facts_of(new))
    if reason:
        return reason
    before, now = rows_of(old), rows_of(new)
    if set(before) != set(now):
        return f"other benchmarks ({', '.join(sorted(set(before) ^ set(now)))} in only one of them)"
    jobs = (other_job(before[name]["extra_info"], now[name]["extra_info"]) for name in before)
    return other_isolation(is_isolated(old), is_isolated(new)) or next(filter(None, jobs), None)


def _stored(rows: list[Any]) -> StoredBenchmark:
    from tlbench.stats.prediction import median_error

    seconds = [[float(each) for each in row["stats"]["data"]] for row in rows]
    infos = sorted((row["extra_info"] for row in rows), key=_accuracy)
    middle = infos[len(infos) // 2]
    return StoredBenchmark(
        logs=tuple(math.log(median(each)) for each in seconds),
        errors=tuple(median_error(each) for each in seconds),
        info={key: middle[key] for key in INFO if key in middle},
    )


def _accuracy(info: dict[str, Any]) -> float:
    value = info.get("accuracy")
    return float(value) if isinstance(value, int | float) else -math.inf


def other_machine(
    old: Mapping[str, Any], new: Mapping[str, Any], allowed: Collection[str] = (), *, hint: str = ""
) -> str | None:
    """Why speeds of two machines' fingerprints can't be compared; None if they can.

    ``allowed`` names software facts that may differ, such as ``packages.numpy``, or groups of them,
    such as ``packages``. Hardware may not differ.
    """
    difference = compare_fingerprints(old, new)
    if difference.machine:
        return f"another machine ({'; '.join(map(str, difference.machine))})"
    # A key begins with all of its groups' names.
    changes = [
        each
        for each in difference.software
        if not any(f"{each.key}.".startswith(f"{name}.") for name in allowed)
    ]
    return f"other software ({'; '.join(map(str, changes))}){hint}" if changes else None


def other_job(old: Mapping[str, Any], new: Mapping[str, Any]) -> str | None:
    """Why the ``extra_info`` of two rows isn't of one job; None if it is, or isn't tlbench's."""
    if "stage" not in old and "stage" not in new:
        return None
    known = (key for key in IF_KNOWN if old.get(key) and new.get(key))
    changes = [
        f"{key} {old.get(key)} -> {new.get(key)}"
        for key in (*JOB, *known)
        if old.get(key) != new.get(key)
    ]
    return f"another job ({'; '.join(changes)})" if changes else None


def other_isolation(old: object, new: object) -> str | None:
    """Why a run with a process per benchmark isn't compared with one without."""
    if bool(old) == bool(new):
        return None
    words = ("not isolated", "isolated")
    return (
        f"the baseline is {words[bool(old)]}, this run is {words[bool(new)]}: run both with "
        "--isolate, or both with --no-isolate"
    )
