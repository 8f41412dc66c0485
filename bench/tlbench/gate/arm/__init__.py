"""Inside an arm's process: every round of every pytest-benchmark benchmark waits for an order.

This pytest plugin imports nothing of this project and runs on Python 3.9 and later, because the arm
may be another environment, or another version of this project. The gate copies this package, under
another name, to a folder on the arm's import path. Plugin and gate exchange lines of JSON over two
pipes, whose file descriptors are in ``TLBENCH_ARM``. The gate's side is ``tlbench.gate.pair``.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from .collection import Collection
from .installed import ask_first
from .line import Line
from .overrides import Overrides
from .timeouts import Timeouts
from .turns import Turns, take_turns

if TYPE_CHECKING:
    from typing import Any

#: Name by which the plugin is registered; ``tlbench.suite.session`` looks for it.
NAME = "tlbench-turns"
#: Name by which the overrides are registered.
OVERRIDES = "tlbench-overrides"


@pytest.hookimpl(tryfirst=True)
def pytest_addoption(pluginmanager: pytest.PytestPluginManager) -> None:
    """Override the user's settings before they are parsed."""
    ask_first()  # before pytest's own finder, which searches the path for plugins
    pluginmanager.register(Overrides(), OVERRIDES)


def pytest_configure(config: pytest.Config) -> None:
    """Begin, in a process that a gate started."""
    config.addinivalue_line("markers", "tolerance(share, accuracy=None): for the gate")
    timeouts = Timeouts(config)
    config.pluginmanager.register(timeouts, "tlbench-timeouts")
    overrides: Any = config.pluginmanager.get_plugin(OVERRIDES)
    line = Line(os.environ.pop("TLBENCH_ARM"))
    config.pluginmanager.register(Collection(line, overrides.note()), "tlbench-collection")
    turns = Turns(line, timeouts)
    config.pluginmanager.register(turns, NAME)
    take_turns(turns)
