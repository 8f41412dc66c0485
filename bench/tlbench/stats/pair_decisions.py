"""From the log-ratios of process pairs to decisions."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy import special, stats

from tlbench.stats.estimate import LOOKS, MISS, POWER, SHOWN, Estimate, Look, look_at
from tlbench.stats.sign_flip import (
    as_slow_p,
    as_slow_p_at_worst,
    bounds,
    centre,
    cut,
    slower_p,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tlbench.stats.sign_flip import Floats

Decision = Literal["fail", "pass"]


@dataclass
class Decisions:
    """Which benchmarks are decided, look by look; a decision stays.

    A benchmark fails where it is confirmed to be slower, and looks slower than its tolerance; or
    where it is confirmed to be slower when the evidence ends, and a slowdown as large as its
    tolerance isn't ruled out.

    Attributes:
        tolerances: Share beyond which a slowdown fails, by benchmark.
        p: By benchmark at its last look.
        confirmed: Benchmarks that are slower, at the level of a false alarm.
        faster: Benchmarks that are faster by more than their tolerance, at the same level.
        settled: Decided benchmarks that needn't be timed any more.
    """

    tolerances: dict[str, float]
    decided: dict[str, Decision] = field(default_factory=dict)
    p: dict[str, float] = field(default_factory=dict)
    confirmed: set[str] = field(default_factory=set)
    faster: set[str] = field(default_factory=set)
    settled: set[str] = field(default_factory=set)
    looks: list[Look] = field(default_factory=list)

    def drop(self, name: str) -> None:
        """Leave out a benchmark that can't be timed any more."""
        self.tolerances.pop(name, None)

    @property
    def open(self) -> list[str]:
        """Benchmarks without a decision."""
        return [name for name in self.tolerances if name not in self.decided]

    @property
    def timed(self) -> list[str]:
        """Benchmarks that the next pair has to time."""
        return [name for name in self.tolerances if name not in self.settled]

    def consider(self, logs: Mapping[str, Sequence[float]], *, last: bool = False) -> None:
        """Look at log(candidate / base) of every pair so far, by benchmark, if it is time to.

        ``logs`` has at least what is ``timed``, each benchmark in every pair.
        """
        names = self.timed
        matrix = np.array([logs[name] for name in names], dtype=float).T
        look = look_at(len(matrix), last=last) if matrix.size else None
        if look is not None and (look not in self.looks or last):
            self.looks = [*(past for past in self.looks if past != look), look]
            self._look(names, matrix, look, last=last)
        if last:
            for name in self.confirmed.intersection(self.open):
                self.decided[name] = "fail"

    def _look(self, names: list[str], matrix: Floats, look: Look, *, last: bool) -> None:
        limits = np.log1p([self.tolerances[name] for name in names])
        slower, faster = slower_p(matrix), slower_p(-matrix)
        as_slow, at_worst = as_slow_p(matrix, limits), as_slow_p_at_worst(matrix, limits)
        is_beyond = cut(matrix - limits).sum(axis=0) > 0
        is_faster = cut(matrix + limits).sum(axis=0) < 0
        for column, name in enumerate(names):
            self.p[name] = float(slower[column])
            if slower[column] <= look.alarm:
                self.confirmed.add(name)
            if faster[column] <= look.alarm and is_faster[column]:
                self.faster.add(name)
            if name not in self.decided:
                if name in self.confirmed and is_beyond[column]:
                    self.decided[name] = "fail"
                elif as_slow[column] <= look.miss and (
                    # Where it looks faster, but isn't significantly, a few more pairs decide.
                    last or name in self.faster or not is_faster[column]
                ):
                    self.decided[name] = "pass"
            if self.decided.get(name) == "fail" or (
                # It would have passed in whatever order the sides had run: to time it no more
                # doesn't depend on that order, and takes nothing from the p-values of the others.
                self.decided.get(name) == "pass" and at_worst[column] <= look.miss
            ):
                self.settled.add(name)


def estimate(logs: Sequence[float], p: float | None = None) -> Estimate:
    """How much slower the candidate is over at least 2 pairs, with an interval of at most 95 %.

    ``logs`` are log(candidate / base) of each pair, and ``p`` is of the last look.
    """
    values = np.asarray(logs, dtype=float)
    level = max(SHOWN, 0.5 ** len(values))
    interval = bounds(values, level)
    assert interval is not None  # noqa: S101 - one outcome's share is always a level
    low, high, attained = interval
    ratio = math.exp(centre(values))
    return Estimate(ratio, math.exp(low), math.exp(high), 1 - 2 * attained, len(values), p)


def detectable(logs: Sequence[float], tolerance: float, benchmarks: int = 1) -> float:
    """The smallest slowdown, as a share, that these pairs would have detected with ``POWER``.

    From their spread, by Student's t at the levels of the looks so far, shared by all benchmarks;
    approximate.

    Args:
        logs: log(candidate / base) of each pair so far, at least 2.
        tolerance: Share that a slowdown must exceed to fail.
        benchmarks: How many are judged.
    """
    n, sd = len(logs), _spread(logs)
    able = [look for look in LOOKS if look.alarm]
    past = [look for look in able if look.pairs <= n] or able[:1]
    reached = min(_reached(look, benchmarks) * sd / math.sqrt(look.pairs) for look in past)
    return max(math.expm1(reached), tolerance)


def _reached(look: Look, benchmarks: int) -> float:
    """The true slowdown, in standard errors, whose t exceeds the look's level nine times in ten."""
    freedom = look.pairs - 1
    level = float(stats.t.isf(look.alarm / benchmarks, freedom))
    return float(special.nctdtrinc(freedom, 1 - POWER, level))


def pairs_to_pass(logs: Sequence[float], tolerance: float) -> int:
    """How many more pairs unchanged code would probably take to pass; as in ``detectable``."""
    n, sd = len(logs), _spread(logs)
    reach = float(stats.norm.ppf(1 - MISS / len(LOOKS)) + stats.norm.ppf(POWER))
    needed = math.ceil((reach * sd / math.log1p(tolerance)) ** 2)
    return max(1, needed - n)


def _spread(logs: Sequence[float]) -> float:
    """The estimate's standard error, times the root of the number of pairs.

    Half of the deviations are cut, so that the estimate follows a pair's change half of the time.
    Source: Huber, Robust Estimation of a Location Parameter, 1964.
    """
    values = np.asarray(logs, dtype=float)
    return 2 * float(np.linalg.norm(cut(values - centre(values)))) / math.sqrt(len(values) - 1)
