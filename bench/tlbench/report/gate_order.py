"""The order in which a gate's verdicts are shown, and which of them are folded into a line."""

from __future__ import annotations

import math
from collections import Counter
from typing import TYPE_CHECKING

from tlbench.gate.ratio_text import short_change

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tlbench.gate.verdict import Status, Verdict

#: Rows of a table beyond which less important ones are folded.
ROWS = 20
#: From the most to the least severe; of passes, those that became faster come first.
GRAVITY: tuple[Status, ...] = ("fail", "not comparable", "inconclusive", "pass")


def by_gravity(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The most severe verdicts first; of equal ones, those without a change, then the largest."""
    return sorted(
        verdicts, key=lambda each: (GRAVITY.index(each.status), not each.faster, -_size(each))
    )


def folded(verdicts: Iterable[Verdict]) -> tuple[list[Verdict], list[Verdict]]:
    """Verdicts by severity: those that are shown, and those beyond ``ROWS`` that are folded.

    A fail is always shown, and so is a verdict with figures that isn't a pass.
    """
    ordered = by_gravity(verdicts)
    quiet = [each for each in ordered if each.status == "pass" or not _has_news(each)]
    hidden = quiet[max(0, ROWS - len(ordered) + len(quiet)) :]
    if len(hidden) < 2:  # a line for one benchmark would save nothing
        return ordered, []
    names = {each.name for each in hidden}
    return [each for each in ordered if each.name not in names], hidden


def folded_texts(verdicts: Iterable[Verdict]) -> list[str]:
    """Folded benchmarks, one line per verdict: ``and 116 more pass: -0.8 % to +1.2 %``."""
    hidden = list(verdicts)
    counts = Counter(each.status for each in hidden)
    ratios = [each.estimate.ratio for each in hidden if each.estimate]
    ends = f": {short_change(min(ratios))} to {short_change(max(ratios))}" if ratios else ""
    fast = sum(each.faster for each in hidden)
    ends = f" ({fast} faster)" * bool(fast) + ends
    return [
        f"and {count} more {status}" + ends * (status == "pass") for status, count in counts.items()
    ]


def _has_news(verdict: Verdict) -> bool:
    return verdict.status == "fail" or verdict.estimate is not None


def _size(verdict: Verdict) -> float:
    ratio = verdict.estimate.ratio if verdict.estimate else 0.0
    return abs(math.log(ratio)) if ratio > 0 else math.inf
