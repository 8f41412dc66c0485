"""A time limit that is looked at before each step, and what steps of each kind have taken."""

from __future__ import annotations

from contextlib import contextmanager
from statistics import mean
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Budget:
    """So many seconds from a start, by default now, by a clock that only moves forward.

    Attributes:
        skipped: Each step that had no more room, in order: its kind and its expected seconds.
    """

    def __init__(
        self, seconds: float, now: Callable[[], float], start: float | None = None
    ) -> None:
        self.seconds, self._now = seconds, now
        self._start = now() if start is None else start
        self.skipped: list[tuple[str, float]] = []
        self._taken: dict[str, list[float]] = {}

    @property
    def used(self) -> float:
        """Seconds since the start."""
        return self._now() - self._start

    @property
    def left(self) -> float:
        """Seconds that are left; below 0 where a step took longer than was expected."""
        return self.seconds - self.used

    @contextmanager
    def step(
        self, kind: str, expected: float = 0.0, *, always: bool = False, needed: bool = True
    ) -> Iterator[bool]:
        """Whether a step fits, if it takes as long as the longest of its kind, or of all, so far.

        It takes at least the expected seconds. What it takes is noted. One that doesn't fit is
        skipped, unless it is done ``always``; if it is ``needed``, that is noted, too.
        """
        fits = always or self.left > max(expected, *self._like(kind))
        if not fits:
            self.skipped += [(kind, expected)] * needed
            yield False
            return
        start = self._now()
        yield True
        self._taken.setdefault(kind, []).append(self._now() - start)

    @property
    def needed(self) -> float | None:
        """Seconds that would have been enough, by the mean of each kind; None if none is missing.

        A kind of which no step was done counts as the mean of all.
        """
        if not self.skipped:
            return None
        return self.used + sum(max(least, mean(self._like(kind))) for kind, least in self.skipped)

    def _like(self, kind: str) -> list[float]:
        """Seconds of earlier steps of a kind, or of all where there were none; at least one."""
        every = [seconds for taken in self._taken.values() for seconds in taken]
        return self._taken.get(kind) or every or [0.0]
