"""One benchmark run: what its tests share."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import pytest

from tlbench.suite.options import OPTIONS
from tlbench.terminal import report

if TYPE_CHECKING:
    from _pytest.terminal import TerminalReporter

    from tlbench.suite.workloads import Workload

#: On a test that a gate turned red: whether what it measured is right and stays in the files.
KEEPS_TIMING = pytest.StashKey[bool]()
#: The plugin of a gate's process, see ``tlbench.gate.arm_plugin``.
TURNS = "tlbench-turns"
#: The plugin of a benchmark run, see ``tlbench.suite.hooks``.
SUITE = "tlbench-suite"
#: Where the benchmark tests are.
FOLDER = Path(__file__).parent
#: What the suite's benchmarks are called, wherever the package is installed.
SUITE_NAME = "bench/suite/"


def name_of(item: pytest.Item) -> str:
    """The full name under which pytest-benchmark files what a test measures."""
    own = item.path.parent == FOLDER
    return f"{SUITE_NAME}{item.path.name}::{item.name}" if own else item.nodeid


def stage_of(item: pytest.Item) -> str | None:
    """The stage that a test of the suite measures; None for tests of others."""
    marker = item.get_closest_marker("stage") if item.path.parent == FOLDER else None
    return str(marker.args[0]) if marker else None


@dataclass(eq=False)
class Suite:
    """One benchmark run: what the benchmark tests share.

    Attributes:
        results: Folder for result files.
        budget_s: Seconds that the run may take; None leaves every stage its usual rounds.
        isolate: Whether each benchmark test runs in a process of its own.
        ray: The cluster whose workers are measured; None leaves the stage out.
        started: When the run began, in ``perf_counter``'s seconds.
        chosen: Names of the benchmark tests that will run.
        isolated: What processes of single tests measured, as pytest-benchmark writes it.
        left: How many of them are still to come.
        not_measured: Reason by test, for the table: what is missing is said, not left out.
    """

    config: pytest.Config
    workload: Workload
    results: Path
    budget_s: float | None = None
    isolate: bool = False
    download: bool = False
    ray: str | None = None
    started: float = field(default_factory=perf_counter)
    chosen: frozenset[str] = frozenset()
    isolated: list[dict[str, Any]] = field(default_factory=list)
    left: int = 0
    not_measured: dict[str, str] = field(default_factory=dict)

    @property
    def takes_turns(self) -> bool:
        """Whether ``tlbench gate`` runs the rounds, and says how many are to warm up."""
        return self.config.pluginmanager.has_plugin(TURNS)

    def say(self, *lines: str) -> None:
        """Print lines past pytest's capturing."""
        reporter: TerminalReporter = self.config.pluginmanager.getplugin("terminalreporter")
        report(reporter, lines)

    def command(self, item: pytest.Item, folder: Path) -> list[str]:
        """What runs one test in a fresh process, as this run does, and writes into the folder."""
        values = {option.name: getattr(self.workload, option.name) for option in OPTIONS}
        values |= {"workload": self.workload.name, "results": folder, "ray": self.ray}
        if self.budget_s is not None:
            left = self.budget_s - (perf_counter() - self.started)
            values["budget"] = f"{max(1.0, left / max(1, self.left)):.1f}"
        self.left -= 1
        options = [
            f"--tlbench-{name.replace('_', '-')}={value}"
            for name, value in values.items()
            if value is not None
        ]
        if self.download:
            options.append("--tlbench-download")
        return [
            sys.executable, "-m", "pytest", "--tlbench", *options, "-p", "no:cacheprovider",
            # Judged here, not there; settings or PYTEST_ADDOPTS that ask for isolation count here.
            "--tlbench-no-isolate", "--tlbench-gate=", "-o", "tlbench_gate=",
            f"{item.path}::{item.name}",
        ]  # fmt: skip
