"""Tolerances that match no benchmark, such as one with a misspelled name."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from tlbench.gate.names import short_names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tlbench.gate.verdict import Tolerances

#: Most benchmarks that are named.
MOST = 5


def unmatched(tolerances: Tolerances, names: Iterable[str]) -> list[str]:
    """A note on each name or pattern that matches no benchmark, with the closest names."""
    ids = list(names)
    short = list(short_names(ids).values())
    return [
        f"no benchmark matches the tolerance of {pattern}; {_there(pattern, short)}"
        for pattern in tolerances.unmatched(ids)
    ]


def _there(pattern: str, names: list[str]) -> str:
    if not names:
        return "there are no benchmarks"
    closest = get_close_matches(pattern.rpartition("::")[2], names, MOST, cutoff=0.0)
    rest = len(names) - len(closest)
    return f"the benchmarks are {', '.join(closest)}" + (f" and {rest} more" if rest else "")
