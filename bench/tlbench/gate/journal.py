"""Pairs are written to disk as they are run, so that an interrupted gate can be resumed."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from tlbench.errors import InputError
from tlbench.gate.pair_result import Pair
from tlbench.runs.files import write_file

if TYPE_CHECKING:
    from pathlib import Path


class JournalError(InputError):
    """A journal that can't be read: which line, what was expected."""


@dataclass(frozen=True)
class Journal:
    """A file of JSON lines: what is compared, then a line for each pair.

    Attributes:
        path: The file.
        what: What is compared; a journal of anything else isn't resumed.
    """

    path: Path
    what: dict[str, Any]

    @classmethod
    def of(cls, folder: Path, what: dict[str, Any]) -> Journal:
        """The journal of these arms and arguments; the same ones have the same file."""
        text = json.dumps(what, sort_keys=True, default=str)
        digest = hashlib.sha256(text.encode()).hexdigest()[:16]
        return cls(folder / f"{digest}.jsonl", json.loads(text))

    def start(self) -> None:
        """Start over with an empty journal."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        self._append({"what": self.what})

    def add(self, pair: Pair) -> None:
        """Append a pair, on disk before this returns."""
        self._append(msgspec.to_builtins(pair))

    def resume(self) -> list[Pair]:
        """The pairs of the file, from which a last line that was cut off is dropped.

        Raises:
            JournalError: A line isn't one of ours.
        """
        if not self.path.exists():
            self.start()
        try:
            first, *rest = self._whole_lines()
            if first != {"what": self.what}:
                raise ValueError("it is another gate's")
            return [msgspec.convert(line, Pair) for line in rest]
        except (ValueError, msgspec.ValidationError) as error:
            raise JournalError(
                f"{self.path}: not a gate's journal ({error}); delete it to start over"
            ) from error

    def end(self) -> None:
        """Delete the journal of a gate that has come to its end."""
        self.path.unlink(missing_ok=True)

    def _whole_lines(self) -> list[dict[str, Any]]:
        text = self.path.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]
        if whole != text:
            write_file(self.path, whole)
        return [json.loads(line) for line in whole.splitlines()]

    def _append(self, line: dict[str, Any]) -> None:
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=str) + "\n")
            file.flush()
            os.fsync(file.fileno())
