"""pytest-timeout's limit of a test doesn't count the time while an arm waits for an order."""

from __future__ import annotations

from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


class Left(float):
    """Seconds left of a limit; its text is the whole limit, which messages show."""

    limit: float

    def __new__(cls, seconds: float, limit: float) -> Left:  # noqa: PYI034 - Self is Python 3.11's
        """Make one of these seconds, at least 0.001: 0 would mean no limit."""
        left = super().__new__(cls, max(seconds, 0.001))
        left.limit = limit
        return left

    def __str__(self) -> str:
        """The whole limit."""
        return str(self.limit)


class Timeouts:
    """The plugin. Each round may take the part of the limit that is left when the first begins.

    The sum of all rounds has no limit, because the gate runs more rounds than the test would.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._hook = config.hook
        self._timer: tuple[pytest.Item, Any, float] | None = None

    @pytest.hookimpl(tryfirst=True, optionalhook=True)
    def pytest_timeout_set_timer(self, item: pytest.Item, settings: Any) -> None:  # noqa: ANN401
        """Remember a limit when it begins to count."""
        self._timer = item, settings, monotonic()

    @pytest.hookimpl(tryfirst=True, optionalhook=True)
    def pytest_timeout_cancel_timer(self) -> None:
        """Forget it."""
        self._timer = None

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """Stop the limit during the block, in which the arm waits for the gate."""
        if self._timer is None:
            yield
            return
        item, settings, start = self._timer
        limit = settings.timeout
        if not isinstance(limit, Left):
            limit = Left(limit - (monotonic() - start), limit)
        self._hook.pytest_timeout_cancel_timer(item=item)
        yield
        self._hook.pytest_timeout_set_timer(item=item, settings=settings._replace(timeout=limit))
