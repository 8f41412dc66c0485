"""Which points are best in two things at once, such as throughput and accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def on_frontier(points: Sequence[tuple[float, float]]) -> list[bool]:
    """For each point, whether no other has at least as much of both, and more of one."""
    return [
        not any(x >= own_x and y >= own_y and (x > own_x or y > own_y) for x, y in points)
        for own_x, own_y in points
    ]
