"""Pairs that were run are kept as they come, so that an interrupted gate can go on."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tlbench.errors import InputError
from tlbench.gate.pair import Outcome, Timed
from tlbench.runs.files import write_file

if TYPE_CHECKING:
    from pathlib import Path


class JournalError(InputError):
    """A journal that can't be read: which line, what was expected."""


@dataclass(frozen=True)
class Pair:
    """A process pair that was run.

    Attributes:
        head_first: What the coin said.
        benchmarks: What was timed, by id.
        seconds: How long the pair took.
        vanished, new: Benchmarks that only the base, or only the head, has.
        tolerances: What the head's markers say, by id.
    """

    head_first: bool
    benchmarks: dict[str, Timed]
    seconds: float
    vanished: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    tolerances: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)


@dataclass(frozen=True)
class Journal:
    """A file of JSON lines: what is compared, then a line for each pair.

    Attributes:
        path: The file.
        what: What is compared; a journal of anything else isn't gone on with.
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
        """Begin anew."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.unlink(missing_ok=True)
        self._append({"what": self.what})

    def add(self, pair: Pair) -> None:
        """Keep a pair, on disk before this returns."""
        self._append(dataclasses.asdict(pair))

    def resume(self) -> list[Pair]:
        """The pairs that were kept; a last line that was cut off is dropped from the file.

        Raises:
            JournalError: A line isn't one of ours.
        """
        if not self.path.exists():
            self.start()
        try:
            first, *rest = self._whole_lines()
            if first != {"what": self.what}:
                raise ValueError("another gate's")
            return [_pair(line) for line in rest]
        except (KeyError, TypeError, ValueError) as error:
            raise JournalError(
                f"{self.path}: not a gate's journal ({error!r}); delete it to begin anew"
            ) from error

    def end(self) -> None:
        """Forget a gate that has come to its end."""
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


def _pair(line: dict[str, Any]) -> Pair:
    benchmarks = {
        name: Timed(
            **{
                **each,
                "outcomes": {key: Outcome(**told) for key, told in each["outcomes"].items()},
            }
        )
        for name, each in line["benchmarks"].items()
    }
    return Pair(
        line["head_first"],
        benchmarks,
        line["seconds"],
        tuple(line["vanished"]),
        tuple(line["new"]),
        line["tolerances"],
    )
