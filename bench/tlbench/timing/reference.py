"""A fixed piece of work beside the rounds: how fast the machine itself was at that moment."""

from __future__ import annotations

from time import perf_counter, sleep
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

#: How long one run of the kernel should take, in seconds: longer than what the scheduler hands
#: out at a time, so that it averages over it, and short beside a round.
TARGET_S = 0.04
#: Side of the square matrices: 1.5 MB each, which fits no first- or second-level cache.
SIDE = 640
#: Seconds in which BLAS's threads fall asleep: they look for more work for a while first, and take
#: CPUs from the round that follows.
SETTLE_S = 0.2


class ReferenceKernel:
    """Repeated float32 matrix products of a fixed size, at the measured stage's thread count.

    Args:
        threads: Threads that BLAS may use.
        clock: Seconds; replaced in tests.

    Attributes:
        products: Matrix products a run, fixed when the kernel is made.
    """

    def __init__(self, threads: int, clock: Callable[[], float] = perf_counter) -> None:
        rng = np.random.default_rng(0)
        self._left = rng.random((SIDE, SIDE), np.float32)
        self._right = rng.random((SIDE, SIDE), np.float32)
        self._out = np.empty((SIDE, SIDE), np.float32)
        self._threads, self._clock = threads, clock
        self.products = 1
        self.run()  # BLAS starts its threads
        once = min(self.run() for _ in range(3))
        self.products = max(1, round(TARGET_S / once)) if once > 0 else 1

    def run(self) -> float:
        """Seconds of one run, after which BLAS's threads have time to fall asleep."""
        from threadpoolctl import threadpool_limits

        with threadpool_limits(self._threads, user_api="blas"):
            start = self._clock()
            for _ in range(self.products):
                np.matmul(self._left, self._right, out=self._out)
            seconds = self._clock() - start
        sleep(SETTLE_S)
        return seconds
