"""pytest-timeout's limit of a test: it stands still while an arm waits for its turn."""

from __future__ import annotations

from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator


class Left(float):
    """Seconds that are left of a limit; as text they are the limit, which messages name."""

    limit: float

    def __new__(cls, seconds: float, limit: float) -> Left:  # noqa: PYI034 - Self is Python 3.11's
        """Of these seconds, at least a moment: none would mean no limit."""
        left = super().__new__(cls, max(seconds, 0.001))
        left.limit = limit
        return left

    def __str__(self) -> str:
        """The whole limit."""
        return str(self.limit)


class Timeouts:
    """The plugin. What of a test's limit is left when its first round begins, each round gets.

    The gate runs more rounds than the test by itself would, so that their sum says nothing.
    """

    def __init__(self, config: pytest.Config) -> None:
        self._hook = config.hook
        self._timer: tuple[pytest.Item, Any, float] | None = None

    @pytest.hookimpl(tryfirst=True, optionalhook=True)
    def pytest_timeout_set_timer(self, item: pytest.Item, settings: Any) -> None:  # noqa: ANN401
        """Remember a limit when it begins to count, whoever set it."""
        self._timer = item, settings, monotonic()

    @pytest.hookimpl(tryfirst=True, optionalhook=True)
    def pytest_timeout_cancel_timer(self) -> None:
        """Forget it."""
        self._timer = None

    @contextmanager
    def stopped(self) -> Iterator[None]:
        """While waiting for the gate."""
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
