"""A baseline: several whole runs of the same benchmarks on the same machine, in one file.

One run would say nothing of how much runs differ, and without that a slowdown can't be
distinguished from noise. The file is JSON: ``{"tlbench_baseline": 1, "command": [...], "runs":
[...]}``, each run as pytest-benchmark writes it, every round included, with the machine in
``machine_info["tlbench"]``.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

from tlbench.errors import InputError
from tlbench.gate.comparable import JOB, other_isolation, other_job, other_machine
from tlbench.runs.files import write_file

if TYPE_CHECKING:
    from pathlib import Path

#: The format that is written, and the only one that is read.
FORMAT = 1
#: Fewer runs don't tell how much runs differ.
LEAST_RUNS = 3
#: What of a row's ``extra_info`` a gate needs.
INFO = (*JOB, "stage", "accuracy", "correct")

StoredRun = dict[str, Any]


class BaselineError(InputError):
    """A baseline that can't be read: which, where in it, what was expected."""


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
    """What is in the file.

    Attributes:
        command: pytest's arguments that made the runs.
        runs: Whole runs, oldest first.
    """

    command: tuple[str, ...]
    runs: tuple[StoredRun, ...]

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
        BaselineError: Absent, no JSON, another file, or one that lacks something.
    """
    try:
        whole = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise BaselineError(
            f"{path}: not a readable baseline ({error}); make one with tlbench baseline"
        ) from error
    version = whole.get("tlbench_baseline") if isinstance(whole, dict) else None
    if version != FORMAT or isinstance(version, bool):
        raise BaselineError(
            f"{path}: tlbench_baseline: {version!r}, expected {FORMAT}; one run's own file is no "
            "baseline: make one of several runs with tlbench baseline"
        )
    runs, command = whole.get("runs"), whole.get("command")
    if not isinstance(runs, list) or not isinstance(command, list):
        raise BaselineError(f"{path}: expected lists under 'command' and 'runs'")
    for number, run in enumerate(runs):
        problem = run_problem(run)
        if problem:
            raise BaselineError(f"{path}: runs[{number}]: {problem}")
    return Baseline(tuple(map(str, command)), tuple(runs))


def write_baseline(path: Path, baseline: Baseline) -> None:
    """Write the file, whole or not at all."""
    whole = {"tlbench_baseline": FORMAT, "command": baseline.command, "runs": baseline.runs}
    write_file(path, json.dumps(whole) + "\n")


def run_problem(run: object) -> str | None:
    """What a run lacks to be part of a baseline; None where nothing."""
    if not isinstance(run, dict) or not isinstance(run.get("benchmarks"), list):
        return "no list under 'benchmarks'; expected pytest-benchmark's JSON"
    machine = run.get("machine_info")
    if not isinstance(machine, dict) or not isinstance(machine.get("tlbench"), dict):
        return "machine_info.tlbench: absent, so the machine isn't known; use tlbench baseline"
    for number, row in enumerate(run["benchmarks"]):
        if not _is_row(row):
            return f"benchmarks[{number}]: expected fullname, extra_info and stats.data in seconds"
    return None


def _is_row(row: object) -> bool:
    if not isinstance(row, dict) or not isinstance(row.get("stats"), dict):
        return False
    texts = isinstance(row.get("fullname"), str) and isinstance(row.get("extra_info"), dict)
    return texts and usable(row["stats"].get("data"))


def usable(seconds: Any) -> bool:  # noqa: ANN401 - JSON
    """Whether these are a run's rounds: finite numbers, with a median above 0."""
    if not isinstance(seconds, list) or not seconds:
        return False
    if not all(isinstance(each, int | float) and math.isfinite(each) for each in seconds):
        return False
    return bool(median(seconds) > 0)


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
    """Why two runs can't be in one baseline; None where they can."""
    reason = other_machine(facts_of(old), facts_of(new))
    if reason:
        return reason
    before, now = rows_of(old), rows_of(new)
    if set(before) != set(now):
        return f"other benchmarks ({', '.join(sorted(set(before) ^ set(now)))} in one of them only)"
    isolation = other_isolation(is_isolated(old), is_isolated(new))
    if isolation:
        return isolation
    jobs = (other_job(before[name]["extra_info"], now[name]["extra_info"]) for name in before)
    return next((job for job in jobs if job), None)


def _stored(rows: list[Any]) -> StoredBenchmark:
    from tlbench.stats.prediction import median_error

    seconds = [[float(each) for each in row["stats"]["data"]] for row in rows]
    infos = [row["extra_info"] for row in rows]
    infos.sort(key=lambda info: _sortable(info.get("accuracy")))
    middle = infos[len(infos) // 2]
    return StoredBenchmark(
        logs=tuple(math.log(median(each)) for each in seconds),
        errors=tuple(median_error(each) for each in seconds),
        info={key: middle[key] for key in INFO if key in middle},
    )


def _sortable(value: object) -> float:
    return float(value) if isinstance(value, int | float) else -math.inf
