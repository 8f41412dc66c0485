"""This repository's own files, which studies read and write; run them from its root."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlbench.runs.files import write_file

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).resolve().parents[2]
#: What studies measured.
STUDIES = ROOT / "results" / "studies"


def package_file(name: str) -> Path:
    """A data file of the package in this checkout, such as ``suite/floors.json``.

    Never a file of an installed copy, which the repository would not have.

    Raises:
        FileNotFoundError: The checkout lacks its folder.
    """
    path = ROOT / "bench" / "tlbench" / name
    if not path.parent.is_dir():
        raise FileNotFoundError(f"{path.parent}: no such folder; run studies from a checkout")
    return path


def write_json(path: Path, value: object, indent: int | None = 1) -> Path:
    """Write a value in place of what the file held; without an indent, in one line."""
    write_file(path, json.dumps(value, indent=indent) + "\n")
    return path


def add_line(path: Path, value: object) -> None:
    """Append a value to a file of JSON lines, on disk before this returns."""
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(value) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_lines(path: Path) -> list[dict[str, Any]]:
    """The values of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read_study(name: str) -> dict[str, Any]:
    """A study's figures, by the name of its file."""
    study: dict[str, Any] = json.loads((STUDIES / name).read_text(encoding="utf-8"))
    return study


def put_row(path: Path, row: Mapping[str, Any], key: Sequence[str]) -> Path:
    """Put a row into a JSON list, in place of the row with the same values under ``key``."""
    rows = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []

    def identity(each: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(str(each[name]) for name in key)

    others = [each for each in rows if identity(each) != identity(row)]
    return write_json(path, sorted([*others, dict(row)], key=identity))


@contextlib.contextmanager
def committed_results() -> Iterator[Path]:
    """A folder whose ``results/`` has this repository's committed result files, as working folder.

    What somebody measured in this checkout is not among them, and changes nothing generated.
    """
    command = ["git", "-C", str(ROOT), "ls-files", "-z", "results/*/*_*.json"]
    names = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        for name in filter(None, names.split("\0")):
            (Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
            (Path(folder) / name).symlink_to(ROOT / name)
        yield Path(folder)
