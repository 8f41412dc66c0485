"""What a process pair measured, as it is written to a journal and saved."""

from __future__ import annotations

import math
from statistics import median
from typing import Any

import msgspec

#: The sides' keys in files, in messages, and in paths, for which they are of one length.
BASE, CANDIDATE = "base", "head"


class BenchmarkOutcome(msgspec.Struct, frozen=True):
    """How one side's benchmark test ended.

    Attributes:
        outcome: ``passed``, ``failed``, ``skipped``, or ``stopped`` as the other side couldn't
            time it.
        message: Why it didn't pass, in a line.
        info: Its ``extra_info``, without what is long.
    """

    outcome: str
    message: str
    info: dict[str, Any]


class PairedRounds(msgspec.Struct, rename={"candidate": CANDIDATE}):
    """One benchmark in one pair.

    Attributes:
        base, candidate: Seconds per call, turn by turn; empty where it wasn't timed.
        iterations: Calls per round.
        wall_s: Seconds of all turns, with what benchmarks do untimed between rounds.
        outcomes: By side, ``BASE`` and ``CANDIDATE``.
    """

    base: list[float] = []
    candidate: list[float] = []
    iterations: int = 1
    wall_s: float = 0.0
    outcomes: dict[str, BenchmarkOutcome] = {}

    @property
    def log_ratios(self) -> list[float]:
        """log(candidate / base) of each turn, whose two rounds ran one after the other."""
        return [math.log(c / b) for b, c in zip(self.base, self.candidate, strict=True)]

    @property
    def log_ratio(self) -> float:
        """The pair's evidence: the median of its turns."""
        return median(self.log_ratios)

    @property
    def usable(self) -> bool:
        """Whether the times say something: both sides were timed, and passed."""
        return bool(self.base) and all(end.outcome == "passed" for end in self.outcomes.values())


class Pair(msgspec.Struct, frozen=True, rename={"candidate_first": "head_first"}):
    """A process pair that was run.

    Attributes:
        candidate_first: Whether the candidate started first and began the first turn.
        benchmarks: What was timed, by id.
        seconds: How long the pair took.
        vanished, new: Benchmarks that only the base, or only the candidate, has.
        tolerances: Arguments of the candidate's markers ``tolerance``, by id.
    """

    candidate_first: bool
    benchmarks: dict[str, PairedRounds]
    seconds: float
    vanished: tuple[str, ...] = ()
    new: tuple[str, ...] = ()
    tolerances: dict[str, dict[str, Any]] = {}

    @property
    def unusable(self) -> frozenset[str]:
        """Benchmarks whose times say nothing."""
        return frozenset(name for name, each in self.benchmarks.items() if not each.usable)
