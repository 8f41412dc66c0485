"""Which machine a file of pytest-benchmark is from, where the suite that wrote it isn't ours."""

from __future__ import annotations

import functools
import importlib
from typing import Any


class Described:
    """The plugin that describes the machine, in runs of a baseline and in those judged by it."""

    @functools.cached_property
    def facts(self) -> dict[str, Any]:
        """The machine's fingerprint."""
        from tlbench.machine.fingerprint import fingerprint

        return fingerprint()

    def pytest_collection_finish(self) -> None:
        """Look at the machine before any benchmark.

        What a gate's process has loaded when the benchmarks run, a baseline's must have too: it
        costs memory and the garbage collector's time.
        """
        importlib.import_module("tlbench.stats.prediction")
        _ = self.facts

    def pytest_benchmark_update_machine_info(self, machine_info: dict[str, Any]) -> None:
        """Add the fingerprint to pytest-benchmark's own description."""
        machine_info["tlbench"] = self.facts
