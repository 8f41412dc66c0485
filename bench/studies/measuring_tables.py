"""Figures of measuring itself: ``python -m bench.studies.guide_tables`` puts them in docs."""

from __future__ import annotations

from typing import Any

from bench.studies.blocks import of_study


def overhead(study: dict[str, Any]) -> str:
    """What the harness adds to a call, in percent, with its interval."""
    ratio, (low, high) = study["median_ratio"], study["interval"]
    return (
        f"Harness overhead, against a bare loop in alternating blocks: {percent(ratio)} "
        f"({percent(low)} to {percent(high)}, {study['pairs']} pairs of blocks)."
    )


def percent(ratio: float) -> str:
    """A ratio near 1 as a change in percent, with a sign unless it is 0."""
    text = f"{100 * (ratio - 1):+.1f}"
    return f"{'0.0' if text in ('+0.0', '-0.0') else text} %"


GUIDE = "docs/measuring.md"
BLOCKS = (of_study("overhead", "overhead.json", overhead),)
