"""Many result files as runs: read fast, and no more of each kept than comparing needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tl_core.progress import progress
from tlbench.machine.fingerprint import machine_name
from tlbench.runs.read import ResultError
from tlbench.runs.row import short_run

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tlbench.runs.row import ShortRow

#: Folders below ``results/`` whose files aren't runs.
NOT_RUNS = frozenset({"schema", "studies"})


@dataclass(frozen=True, slots=True)
class Run:
    """One result file.

    Attributes:
        path: The file.
        when: When it was measured, with a time zone.
        machine: A name for the machine, such as ``amd-epyc-2-cpus``.
        facts: The machine's fingerprint; runs with equal ones share it.
        commit: What was measured, where it was a checkout; with ``+`` where it had changes.
        rows: Its benchmarks in short; ``read_rows`` has all of them.
        not_measured: Reason by benchmark, for those that have no row.
        isolated: Whether each benchmark had a process of its own.
    """

    path: Path
    when: datetime
    machine: str
    facts: Mapping[str, Any]
    commit: str | None
    rows: tuple[ShortRow, ...]
    not_measured: Mapping[str, str]
    isolated: bool


@dataclass(frozen=True)
class Collected:
    """Runs, by the time they were measured, and what of the given was passed over.

    Attributes:
        runs: The earliest first.
        skipped: Why a file in a folder isn't among them, one line each.
    """

    runs: tuple[Run, ...]
    skipped: tuple[str, ...]


def collect(names: Sequence[str], results: Path = Path("results")) -> Collected:
    """Read files, folders, and machines by their name.

    Args:
        names: Result files; folders, which are searched through; or names of machines, which are
            folders in ``results``. A file that is named must be a run; in a folder, others are
            passed over.
        results: Where machines are looked for.

    Raises:
        ResultError: A named file that is no run, or a name that is nothing.
    """
    paths = {path: named for name in names for path, named in files_of(name, results)}
    runs, skipped = [], []
    shared: dict[bytes, tuple[dict[str, Any], str]] = {}
    with progress(len(paths), "read", unit="file") as bar:
        for path, named in paths.items():
            try:
                runs.append(_run(path, shared))
            except ResultError as error:
                if named:
                    raise
                skipped.append(str(error))
            bar.update(1)
    return Collected(tuple(sorted(runs, key=lambda run: run.when)), tuple(skipped))


def files_of(name: str, results: Path = Path("results")) -> Iterable[tuple[Path, bool]]:
    """Files that a name stands for, and whether it names them.

    Args:
        name: A file; a folder, which is searched through; or a machine's name.
        results: Where machines are looked for.

    Raises:
        ResultError: It is nothing of these.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return [(path, True)]
    folder = next((each for each in (path, results / name) if name and each.is_dir()), None)
    if folder is None:
        known = sorted(p.name for p in results.glob("*") if p.is_dir() and p.name not in NOT_RUNS)
        close = get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else ", ".join(known) or "which has none"
        raise ResultError(f"{name}: no such file or folder, and no machine of {results}/ ({hint})")
    found = sorted(
        path
        for path in folder.rglob("*.json")
        if not NOT_RUNS.intersection(path.relative_to(folder).parts[:-1])
    )
    return [(path, False) for path in found]


def _run(path: Path, shared: dict[bytes, tuple[dict[str, Any], str]]) -> Run:
    """A file's run.

    Args:
        path: The file.
        shared: Facts of machines that are known already, with the machines' names, by their JSON.
    """
    found = short_run(path)
    try:
        key = bytes(found.machine_info.tlbench)
        if key not in shared:
            facts = msgspec.json.decode(key, type=dict[str, Any])
            shared[key] = facts, machine_name(facts)
        kept, machine = shared[key]
        when = _time(found.datetime)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ResultError(
            f"{path}: {error!r}; expected datetime and machine_info.tlbench"
        ) from error
    ours, commit = found.tlbench, found.commit_info
    return Run(
        path=path,
        when=when,
        machine=machine,
        facts=kept,
        commit=commit.name if commit else None,
        rows=tuple(each.extra_info for each in found.benchmarks),
        not_measured=(ours and ours.not_measured) or {},
        isolated=bool(ours and ours.isolated),
    )


def _time(text: str) -> datetime:
    when = datetime.fromisoformat(text)
    return when if when.tzinfo else when.replace(tzinfo=UTC)
