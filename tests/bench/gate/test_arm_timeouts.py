"""pytest-timeout's limit stands still while an arm waits; its hooks are called by a fake one."""

from types import SimpleNamespace
from typing import NamedTuple

import pytest

from tlbench.gate.arm.timeouts import Timeouts


class Settings(NamedTuple):
    """pytest-timeout's, in short."""

    timeout: float
    method: str


@pytest.fixture
def clock(monkeypatch):
    """The time, which passes when a test says so."""
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr("tlbench.gate.arm.timeouts.monotonic", lambda: clock.now)
    return clock


@pytest.fixture
def hook():
    """pytest-timeout: ``armed`` is the limit that counts; ``plugin`` hears of every change."""

    class Hook:
        armed = None

        def pytest_timeout_set_timer(self, item, settings):
            self.plugin.pytest_timeout_set_timer(item, settings)
            self.armed = settings.timeout

        def pytest_timeout_cancel_timer(self, item):
            self.plugin.pytest_timeout_cancel_timer()
            self.armed = None

    hook = Hook()
    hook.plugin = Timeouts(SimpleNamespace(hook=hook))
    return hook


def test_each_round_may_take_what_the_setup_left(hook, clock):
    hook.pytest_timeout_set_timer("a test", Settings(60.0, "thread"))
    clock.now += 20  # of setup
    for _ in range(3):
        with hook.plugin.stopped():
            assert hook.armed is None
            clock.now += 1000  # the other arm's turn
        assert hook.armed == 40
        assert "%ss" % hook.armed == "60.0s"  # noqa: UP031 - as pytest-timeout says it
        clock.now += 30  # a round
    hook.pytest_timeout_cancel_timer("a test")
    with hook.plugin.stopped():
        clock.now += 1000
    assert hook.armed is None


def test_a_limit_that_the_setup_used_up_ends_the_first_round(hook, clock):
    hook.pytest_timeout_set_timer("a test", Settings(60.0, "signal"))
    clock.now += 70
    with hook.plugin.stopped():
        pass
    assert 0 < hook.armed < 0.01
    hook.pytest_timeout_set_timer("the next test", Settings(60.0, "signal"))
    with hook.plugin.stopped():
        pass
    assert hook.armed == 60
