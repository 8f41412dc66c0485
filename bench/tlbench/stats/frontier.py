"""Which points are best in two things at once, such as throughput and accuracy."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def dominates(point: tuple[float, float], other: tuple[float, float]) -> bool:
    """Whether a point has at least as much of both as another one, and more of one."""
    return point != other and point[0] >= other[0] and point[1] >= other[1]


def on_frontier(points: Sequence[tuple[float, float]]) -> list[bool]:
    """For each point, whether no other dominates it."""
    return [not any(dominates(point, own) for point in points) for own in points]
