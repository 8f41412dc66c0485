"""Many result files as runs: each is read once, and only the latest keep their details."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from difflib import get_close_matches
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from tqdm import tqdm

from tlbench.machine.naming import machine_name
from tlbench.runs.read import ResultError, facts_of, read_file
from tlbench.runs.row import JOB, OWN_RECIPE, SETUP
from tlbench.terminal import bars

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from tlbench.runs.row import Row

#: Folders below ``results/`` whose files aren't runs.
NOT_RUNS = frozenset({"schema", "studies"})
#: Dates that calendars and charts can show.
LEAST_YEAR, MOST_YEAR = 1970, 2999
#: Seconds before a bar appears: short work stays silent.
DELAY_S = 2.0


@dataclass(frozen=True)
class Run:
    """One result file.

    Attributes:
        when: When it was measured, with a time zone.
        machine: A name for the machine, such as ``amd-epyc-turin-2-cpus``.
        facts: The machine's fingerprint; runs with equal ones share it.
        commit: What was measured, where it was a checkout; with ``+`` where it had changes.
        rows: Its benchmarks. Of the runs that ``collect`` returns, only the latest of a machine,
            setup and job have ``rounds``, ``samples`` and ``correct``: of 10,000 files these are
            most of the memory, and nothing shows them of older ones.
        not_measured: Reason by benchmark, for those that have no row.
        isolated: Whether each benchmark had a process of its own.
        digest: Of all that is read of it: copies of a run have the same.
    """

    path: Path
    when: datetime
    machine: str
    facts: Mapping[str, Any]
    commit: str | None
    rows: tuple[Row, ...]
    not_measured: Mapping[str, str]
    isolated: bool
    digest: bytes

    @cached_property
    def setup(self) -> tuple[Any, ...]:
        """Values of ``SETUP``."""
        return tuple(getattr(self.rows[0], name) for name in SETUP)

    @cached_property
    def job(self) -> tuple[tuple[str, Any], ...]:
        """Names and values of ``JOB``."""
        row = next((row for row in self.rows if row.stage != OWN_RECIPE), self.rows[0])
        return tuple((name, getattr(row, name)) for name in JOB)

    def without_details(self) -> Run:
        """The run without what only the latest of its kind is asked for."""
        absent: dict[str, Any] = {"rounds": None, "samples": None, "correct": None}
        return replace(
            self, rows=tuple(msgspec.structs.replace(row, **absent) for row in self.rows)
        )


@dataclass(frozen=True)
class Collected:
    """Runs, the earliest first, each once.

    Attributes:
        skipped: Why files in folders were skipped, one line each.
        copies: Files that are copies of one of the runs.
    """

    runs: tuple[Run, ...]
    skipped: tuple[str, ...]
    copies: int = 0


def collect(names: Sequence[str], results: Path = Path("results")) -> Collected:
    """Read files, folders, and machines by their name; see ``files_of``.

    A file that is named must be a run; in a folder, others are skipped.

    Raises:
        ResultError: A named file that is no run, or a name that is nothing.
    """
    paths = {path: named for name in names for path, named in files_of(name, results)}
    runs: list[Run] = []
    digests: set[bytes] = set()
    skipped: list[str] = []
    machines: dict[bytes, tuple[dict[str, Any], str]] = {}
    latest: dict[tuple[object, ...], int] = {}
    with progress(len(paths), "read", unit="file") as bar:
        for path, named in paths.items():
            try:
                run = read_run(path, machines)
            except ResultError as error:
                if named:
                    raise
                skipped.append(str(error))
            else:
                if run.digest not in digests:
                    digests.add(run.digest)
                    _add(run, runs, latest)
            bar.update(1)
    copies = len(paths) - len(skipped) - len(runs)
    return Collected(tuple(sorted(runs, key=lambda run: run.when)), tuple(skipped), copies)


def _add(run: Run, runs: list[Run], latest: dict[tuple[object, ...], int]) -> None:
    """Append a run; of two with the same key in ``latest``, the earlier loses its details."""
    key = (id(run.facts), run.setup, run.job)
    other = latest.setdefault(key, len(runs))
    runs.append(run)
    if other != len(runs) - 1:
        earlier, latest[key] = sorted((other, len(runs) - 1), key=lambda place: runs[place].when)
        runs[earlier] = runs[earlier].without_details()


def progress(total: int, description: str, unit: str) -> tqdm[None]:
    """A bar on stderr with rate and time left; silent where stderr is no terminal."""
    return tqdm(
        total=total, desc=description, unit=unit, delay=DELAY_S, disable=None, leave=False,
        dynamic_ncols=True, file=bars(),
    )  # fmt: skip


def files_of(name: str, results: Path = Path("results")) -> Iterable[tuple[Path, bool]]:
    """Files that a name stands for, and whether it names them.

    It is of a file, of a folder, which is searched through, or of a machine: a folder of results.

    Raises:
        ResultError: It is nothing of these.
    """
    path = Path(name).expanduser()
    if path.exists() and not path.is_dir():
        return [(path, True)]
    folder = next((each for each in (path, results / name) if name and each.is_dir()), None)
    if folder is None:
        known = sorted(p.name for p in results.glob("*") if p.is_dir() and p.name not in NOT_RUNS)
        close = get_close_matches(name, known, n=1)
        hint = f"did you mean {close[0]}?" if close else ", ".join(known) or "which has none"
        raise ResultError(f"{name}: no such file or folder, and no machine of {results}/ ({hint})")
    paths = sorted(
        path
        for path in folder.rglob("*.json")
        if not NOT_RUNS.intersection(path.relative_to(folder).parts[:-1])
    )
    return [(path, False) for path in paths]


def read_run(path: Path, machines: dict[bytes, tuple[dict[str, Any], str]]) -> Run:
    """A file's run; ``machines`` are known fingerprints with the machines' names, by their JSON.

    Raises:
        ResultError: It isn't valid.
    """
    file = read_file(path)
    key = bytes(file.machine_info.tlbench)
    try:
        if key not in machines:
            facts = facts_of(file.machine_info)
            machines[key] = facts, machine_name(facts)
    except ValueError as error:
        raise ResultError(f"{path}: machine_info.tlbench: {error}") from error
    when = _when(file.datetime, path)
    facts, machine = machines[key]
    content = (file.datetime, facts, file.commit_info, file.benchmarks)
    about = file.tlbench
    return Run(
        path=path,
        when=when,
        machine=machine,
        facts=facts,
        commit=str(file.commit_info or "") or None,
        rows=file.rows,
        not_measured=about.not_measured if about else {},
        isolated=about.isolated if about else False,
        digest=hashlib.sha256(msgspec.json.encode(content)).digest(),
    )


def _when(text: str, path: Path) -> datetime:
    """A file's date, in UTC where it names no time zone."""
    try:
        when = datetime.fromisoformat(text)
        if not LEAST_YEAR <= when.year <= MOST_YEAR:
            raise ValueError(f"year {when.year}")
    except ValueError as error:
        expected = f"expected a date of {LEAST_YEAR} to {MOST_YEAR}"
        raise ResultError(f"{path}: datetime: {error}; {expected}") from error
    return when if when.tzinfo else when.replace(tzinfo=UTC)
