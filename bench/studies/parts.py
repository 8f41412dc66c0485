"""Studies of several parts: the file is written after each one, and continued by the next run."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.studies.files import write_json

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping
    from pathlib import Path


def stored_rows(path: Path | None, name: str) -> list[dict[str, Any]]:
    """The rows that a study's file has under a name; none if there is no file."""
    if path is None or not path.exists():
        return []
    rows: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))[name]
    return rows


@dataclass(frozen=True)
class Parts:
    """A study's parts, such as one parser each, and its file.

    Attributes:
        path: The file; None writes nothing.
        name: Name of the list of rows in the file.
        key: Field of a row that names its part.
        effort: Field of a row that says how much was done, such as seconds.
        order: All parts, in the order of their rows.
    """

    path: Path | None
    name: str
    key: str
    effort: str
    order: Collection[str]

    def stored(self) -> dict[str, dict[str, Any]]:
        """Rows of the file, by part."""
        return {row[self.key]: row for row in stored_rows(self.path, self.name)}

    def complete(
        self,
        names: Iterable[str],
        effort: float,
        measure: Callable[[str], dict[str, Any]],
        more: Mapping[str, Any] | None = None,
    ) -> list[dict[str, Any]]:
        """Measure the parts that the file lacks, or has with less effort; all rows, in order.

        ``more`` is what the file has besides the rows.
        """
        rows = self.stored()
        for name in names:
            if name in rows and rows[name][self.effort] >= effort:
                continue
            row = measure(name)
            print(row, flush=True)  # noqa: T201
            # Read again: another process may have measured another part meanwhile.
            rows = {**rows, **self.stored(), name: row}
            if self.path:
                write_json(self.path, {self.name: self._ordered(rows), **(more or {})})
        return self._ordered(rows)

    def _ordered(self, rows: Mapping[str, dict[str, Any]]) -> list[dict[str, Any]]:
        return [rows[name] for name in self.order if name in rows]
