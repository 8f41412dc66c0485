"""Reading result files: pytest-benchmark's JSON with our ``extra_info``."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tlbench.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path


class ResultError(InputError):
    """A result file that can't be read: which, where in it, what was expected."""


@dataclass(frozen=True)
class Row:
    """One benchmark of a result file.

    Attributes:
        name: The benchmark test's name.
        info: Our ``extra_info``; see DESIGN's result rows.
        seconds: Each round's duration in order, in seconds.
    """

    name: str
    info: dict[str, Any]
    seconds: tuple[float, ...]

    @property
    def label(self) -> str:
        """Stage and track, such as ``train (cached)``."""
        return label_of(str(self.info["stage"]), self.info.get("track"))


def label_of(stage: str, track: str | None) -> str:
    """A benchmark's name by its stage and track, such as ``train (cached)``."""
    return f"{stage} ({track})" if track else stage


def read_run(path: Path) -> dict[str, Any]:
    """The whole file as pytest-benchmark wrote it.

    Raises:
        ResultError: Absent, no JSON, or not a benchmark file.
    """
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ResultError(f"{path}: not a readable JSON file ({error})") from error
    if not isinstance(run, dict) or not isinstance(run.get("benchmarks"), list):
        raise ResultError(f"{path}: no list under 'benchmarks'; expected pytest-benchmark's JSON")
    return run


def read_rows(path: Path) -> list[Row]:
    """The rows that our suite wrote, in the order in which they ran.

    Raises:
        ResultError: The file isn't readable, or a row lacks its rounds.
    """
    rows = []
    for number, benchmark in enumerate(read_run(path)["benchmarks"]):
        try:
            if "stage" in (benchmark["extra_info"] or {}):
                seconds = tuple(float(value) for value in benchmark["stats"]["data"])
                rows.append(Row(str(benchmark["name"]), benchmark["extra_info"], seconds))
        except (KeyError, TypeError, ValueError) as error:
            raise ResultError(
                f"{path}: benchmarks[{number}]: {error!r}; expected extra_info and stats.data"
            ) from error
    return rows
