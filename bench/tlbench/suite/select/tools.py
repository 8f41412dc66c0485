"""What a search can't do by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tlbench.compare.selection import Candidate


class Tools(Protocol):
    """What a search needs done. Whatever it opens for a candidate stays open until ``release``."""

    def now(self) -> float:
        """Seconds of a clock that only moves forward."""

    def images_per_s(self, candidate: Candidate) -> float:
        """Time a pilot; ModelError or DeviceError where the candidate can't be run."""

    def right(self, candidate: Candidate, images: int) -> NDArray[np.bool_]:
        """Which of the first ``images`` of the sample cross-validated heads get right."""

    def release(self, candidate: Candidate) -> None:
        """Close what is open for a candidate; it may be needed again."""
