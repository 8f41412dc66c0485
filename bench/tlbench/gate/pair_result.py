"""The result of a process pair, as it is written to a journal and saved."""

from __future__ import annotations

import hashlib
import json
import math
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tlbench.errors import InputError
from tlbench.figures import Amount, Count, Positive, Signed
from tlbench.runs.files import naming, write_file
from tlbench.text_files import parse_json, read_text

if TYPE_CHECKING:
    from pathlib import Path

#: The sides' keys in files, messages and paths; of equal length for the paths.
BASE, CANDIDATE = "base", "head"
#: Bytes of a journal.
MOST_JOURNAL = 256_000_000
#: Quantile of a pair's turns that counts: the lower decile.
DECILE = 0.1


class BenchmarkOutcome(msgspec.Struct, frozen=True):
    """How one side's benchmark test ended.

    Attributes:
        outcome: ``passed``, ``failed`` or ``skipped``; ``died``: its process died; ``hung``: its
            process was silent for too long; ``too long``: so it was, but the other side also took
            long; ``ended``: pytest ended before it; ``stopped``: the other side couldn't time it;
            ``unreached``: there was no time for it.
        info: Its ``extra_info``, without long values.
        raised: The first line of the error in its rounds, which its test may expect.
    """

    outcome: str
    message: str = ""
    info: dict[str, Any] = {}
    raised: str = ""


class PairedRounds(msgspec.Struct, rename={"candidate": CANDIDATE}):
    """One benchmark in one pair.

    Attributes:
        base, candidate: Seconds per call, turn by turn; empty if it wasn't timed.
        duet: Whether both sides ran at once in a turn, rather than one after the other.
        iterations, parts: Calls of a part, and parts of a round, whose lower decile counts.
        wall_s: Seconds of all turns, with the benchmark's untimed work between rounds.
        overhead_s: Seconds of all else: warm-up, and the test around the rounds.
        trial_s: Seconds of the way of timing that the first pair tried and didn't keep.
        outcomes: By side, ``BASE`` and ``CANDIDATE``.
    """

    base: list[Positive] = []
    candidate: list[Positive] = []
    iterations: Count = 1
    parts: Count = 1
    wall_s: Amount = 0.0
    overhead_s: Signed = 0.0
    duet: bool = False
    trial_s: Amount = 0.0
    outcomes: dict[str, BenchmarkOutcome] = {}

    def __post_init__(self) -> None:
        """Check that each turn has a round of each side."""
        if len(self.base) != len(self.candidate):
            raise ValueError("expected as many turns of base as of head")

    @property
    def log_ratios(self) -> list[float]:
        """log(candidate / base) of each turn, which is one round of each side."""
        return [math.log(c / b) for b, c in zip(self.base, self.candidate, strict=True)]

    @property
    def log_ratio(self) -> float:
        """The pair's observation: log(candidate / base) of the lower deciles of their rounds.

        Other programs only add time to a round, and to some rounds more than to others.
        """
        base, candidate = (np.quantile(each, DECILE) for each in (self.base, self.candidate))
        return math.log(candidate / base)

    @property
    def usable(self) -> bool:
        """Whether the times count: both sides were timed, and passed."""
        return bool(self.base) and all(end.outcome == "passed" for end in self.outcomes.values())


class Loaded(msgspec.Struct, frozen=True):
    """A package that an arm imported: its file, and which of its modules are compiled.

    ``version`` is None if unknown.
    """

    file: str
    version: str | None = None
    compiled: tuple[str, ...] = ()


class Pair(msgspec.Struct, frozen=True, rename={"candidate_first": "head_first"}):
    """A process pair that was run.

    Attributes:
        candidate_first: Whether the candidate started first and had the first round.
        vanished, new: Benchmarks that only the base, or only the candidate, has.
        tolerances: Arguments of the candidate's markers ``tolerance``, by id.
        errors: By side and id, the outcome of files and tests that couldn't be imported.
        notes: Lines for the user about how they ran.
        lost: Benchmarks that both sides had, in this pair or in earlier ones, until a process
            lacked them.
        starts: How many times both processes were started: again after one had died.
    """

    candidate_first: bool
    benchmarks: dict[str, PairedRounds]
    seconds: Amount
    vanished: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    tolerances: dict[str, dict[str, Any]] = {}
    errors: dict[str, dict[str, BenchmarkOutcome]] = {}
    notes: tuple[str, ...] = ()
    loaded: dict[str, dict[str, Loaded]] = {}
    lost: tuple[str, ...] = ()
    starts: int = 1

    @property
    def counted_s(self) -> float:
        """Seconds that count against the budget, without benchmarks that didn't end."""
        return self.seconds - sum(
            each.overhead_s + each.trial_s + each.wall_s
            for each in self.benchmarks.values()
            if any(end.outcome in {"hung", "too long"} for end in each.outcomes.values())
        )

    @property
    def unusable(self) -> frozenset[str]:
        """Benchmarks whose times don't count, or that have none."""
        bad = (name for name, each in self.benchmarks.items() if not each.usable)
        return frozenset((*bad, *self.lost))

    @property
    def all_new(self) -> bool:
        """Whether there is nothing to compare, because the base has none of the benchmarks."""
        ends = (end.outcome for errors in self.errors.values() for end in errors.values())
        broken = any(outcome != "skipped" for outcome in ends)
        return bool(self.new) and not (self.benchmarks or self.lost or self.vanished or broken)


class JournalError(InputError):
    """A journal that can't be resumed: its path, the reason, what to do."""


@dataclass(frozen=True)
class Journal:
    """A file of JSON lines: what is compared, then one line per pair.

    It is resumed only if it compares the same ``what``.
    """

    path: Path
    what: dict[str, Any]

    @classmethod
    def of(cls, folder: Path, what: dict[str, Any]) -> Journal:
        """The journal of these arms and arguments; equal ones have the same file."""
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
        """The pairs of the file; an incomplete last line is dropped.

        Raises:
            JournalError: A line isn't a pair, or the journal belongs to another gate.
        """
        if not self.path.exists():
            self.start()
        try:
            text = read_text(self.path, MOST_JOURNAL)
            whole = text[: text.rfind("\n") + 1]
            if whole != text:
                write_file(self.path, whole)
            first, *rest = map(parse_json, whole.splitlines())
            if first != {"what": self.what}:
                raise ValueError("it belongs to another gate")
            return [msgspec.convert(line, Pair) for line in rest]
        except (ValueError, msgspec.ValidationError) as error:
            raise JournalError(
                f"{self.path}: can't be resumed ({error}); delete it to start over"
            ) from error

    def end(self) -> None:
        """Delete the journal of a gate that has ended."""
        self.path.unlink(missing_ok=True)

    def _append(self, line: dict[str, Any]) -> None:
        with naming(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=str) + "\n")
            file.flush()
            os.fsync(file.fileno())
