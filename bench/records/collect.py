"""Many result files as runs: read fast, and no more of each kept than comparing needs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from bench.measure.machine import machine_name
from bench.records.read import ResultError, Row, read_run, rows_of
from tl_core.progress import progress

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: Of a row, what is long and only wanted when one run is looked at closely: ``read_rows`` has it.
LONG = ("rounds", "correct", "samples", "noise")
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
        rows: Its benchmarks, without what ``LONG`` names.
        not_measured: Reason by benchmark, for those that have no row.
        isolated: Whether each benchmark had a process of its own.
    """

    path: Path
    when: datetime
    machine: str
    facts: Mapping[str, Any]
    commit: str | None
    rows: tuple[Row, ...]
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
    paths = {path: named for name in names for path, named in _files(name, results)}
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


def _files(name: str, results: Path) -> Iterable[tuple[Path, bool]]:
    """Files that a name stands for, and whether it names them."""
    path = Path(name).expanduser()
    if path.is_file():
        return [(path, True)]
    folder = next((each for each in (path, results / name) if name and each.is_dir()), None)
    if folder is None:
        known = sorted(p.name for p in results.glob("*") if p.is_dir() and p.name not in NOT_RUNS)
        raise ResultError(
            f"{name}: no such file or folder, and no machine of {results}/"
            f" ({', '.join(known) or 'which has none'})"
        )
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
        shared: Facts of machines that are known already, with the machines' names.
    """
    whole = _parsed(path)
    rows = tuple(_short(row) for row in rows_of(whole, path))
    if not rows:
        raise ResultError(f"{path}: no benchmark of this suite in it")
    try:
        facts = whole["machine_info"]["tlbench"]
        key = orjson.dumps(facts, option=orjson.OPT_SORT_KEYS)
        if key not in shared:
            shared[key] = facts, machine_name(facts)
        kept, machine = shared[key]
        ours = whole.get("tlbench") or {}
        return Run(
            path=path,
            when=_time(whole["datetime"]),
            machine=machine,
            facts=kept,
            commit=_commit(whole.get("commit_info")),
            rows=rows,
            not_measured=dict(ours.get("not_measured") or {}),
            isolated=bool(ours.get("isolated")),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ResultError(
            f"{path}: {error!r}; expected datetime and machine_info.tlbench"
        ) from error


def _parsed(path: Path) -> dict[str, Any]:
    try:
        whole = orjson.loads(path.read_bytes())
    except (OSError, ValueError):
        return read_run(path)  # which takes NaN, as pytest-benchmark writes it, and says what is up
    if not isinstance(whole, dict) or not isinstance(whole.get("benchmarks"), list):
        return read_run(path)
    return whole


def _short(row: Row) -> Row:
    info = {key: value for key, value in row.info.items() if key not in LONG}
    noise = row.info.get("noise")
    info["verdict"] = noise.get("verdict") if isinstance(noise, dict) else None
    _check(row, info)
    return Row(row.name, info, row.seconds)


def _check(row: Row, info: dict[str, Any]) -> None:
    """What everything here relies on; ``tlbench check`` looks at all the rest."""
    rate = info.get("images_per_s")
    if not isinstance(rate, int | float) or isinstance(rate, bool) or not 0 < rate < float("inf"):
        raise ResultError(f"{row.name}: images_per_s {rate!r}, expected a number above 0")
    if not row.seconds or min(row.seconds) <= 0:
        raise ResultError(f"{row.name}: rounds {row.seconds!r}, expected seconds above 0")


def _time(text: str) -> datetime:
    when = datetime.fromisoformat(text)
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _commit(info: object) -> str | None:
    if not isinstance(info, dict) or not info.get("id") or info["id"] == "unversioned":
        return None
    return f"{info['id'][:12]}{'+' if info.get('dirty') else ''}"
