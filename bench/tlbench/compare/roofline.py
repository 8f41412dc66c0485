"""The roofline of a row: the most that arithmetic and memory bandwidth allow, and which bounds it.

A network of few operations per byte is bound by memory, one of many by arithmetic. See Williams,
Waterman and Patterson, "Roofline: an insightful visual performance model" (2009).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tlbench.runs.row import Row

Bound = Literal["arithmetic", "memory bandwidth", "overheads"]
#: From this share of the roof on it is the roof that bounds a row. Below, overheads take most of
#: the time: launches, copies, resizing, Python, layers that aren't fused, or slow kernels.
NEAR = 0.5


@dataclass(frozen=True)
class Roofline:
    """A row under its device's roofs.

    Attributes:
        intensity: Operations of the network per byte that it moves in memory.
        gflops_per_s: Its arithmetic per second.
        peak: GFLOP/s of the device's fastest matrix multiply, in ``precision``.
        bandwidth: GB/s of the device's memory.
    """

    intensity: float
    gflops_per_s: float
    peak: float
    precision: str
    bandwidth: float

    @property
    def ridge(self) -> float:
        """The intensity from which on arithmetic is the lower roof."""
        return self.peak / self.bandwidth

    def roof(self, intensity: float) -> float:
        """The most GFLOP/s that are possible at an intensity."""
        return min(self.peak, self.bandwidth * intensity)

    @property
    def share(self) -> float:
        """How near the row comes to its roof; may exceed 1 where caches save memory traffic."""
        return self.gflops_per_s / self.roof(self.intensity)

    @property
    def bound(self) -> Bound:
        """What takes most of the row's time."""
        if self.share < NEAR:
            return "overheads"
        return "memory bandwidth" if self.intensity < self.ridge else "arithmetic"


def roofline(row: Row) -> Roofline | None:
    """Of a row that has all it takes; None for others, such as all of the CPU."""
    rate, moved, peak = row.gflops_per_s, row.bytes_per_image, row.peak_gflops_per_s
    if not (rate and moved and peak and row.bandwidth_gb_per_s):
        return None
    return Roofline(
        intensity=1e9 * rate / (moved * row.images_per_s),
        gflops_per_s=rate,
        peak=peak,
        precision=row.peak_precision or "unknown",
        bandwidth=row.bandwidth_gb_per_s,
    )
