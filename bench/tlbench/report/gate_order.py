"""In which order a gate's verdicts are shown, and which of them are folded into a line."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tlbench.gate.ratio_text import short_change

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tlbench.gate.verdict import Status, Verdict

#: Benchmarks from which on those that pass are folded.
ROWS = 20
#: From the most to the least grave; what became faster comes before the rest of what passes.
GRAVITY: tuple[Status, ...] = ("fail", "not comparable", "inconclusive", "pass")


def by_gravity(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """The gravest verdicts first, and within them the largest changes; without one comes first."""
    return sorted(
        verdicts, key=lambda each: (GRAVITY.index(each.status), not each.faster, -_size(each))
    )


def folded(verdicts: Iterable[Verdict]) -> tuple[list[Verdict], list[Verdict]]:
    """Verdicts by gravity: those that are shown, and those that pass and are folded."""
    ordered = by_gravity(verdicts)
    shown = max(ROWS, sum(each.status != "pass" for each in ordered))
    # A line for one benchmark would save nothing.
    return (ordered[:shown], ordered[shown:]) if len(ordered) > shown + 1 else (ordered, [])


def folded_text(verdicts: Sequence[Verdict]) -> str:
    """What is folded, in a line: ``and 116 more pass: -0.8 % to +1.2 %``."""
    ratios = [each.estimate.ratio for each in verdicts if each.estimate]
    ends = f": {short_change(min(ratios))} to {short_change(max(ratios))}" if ratios else ""
    fast = sum(each.faster for each in verdicts)
    faster = f" ({fast} faster)" if fast else ""
    return f"and {len(verdicts)} more pass{faster}{ends}"


def _size(verdict: Verdict) -> float:
    ratio = verdict.estimate.ratio if verdict.estimate else 0.0
    return abs(math.log(ratio)) if ratio > 0 else math.inf
