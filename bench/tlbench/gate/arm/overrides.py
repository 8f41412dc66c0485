"""The pytest settings of the user that an arm overrides; docs/gating.md has the same table."""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import pytest_benchmark.plugin

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

#: Values of overridden options that a note names, as if they weren't given. Options that don't
#: exist in an environment are ignored.
OVERRIDDEN: dict[str, dict[str, Any]] = {
    "-n": {"numprocesses": None, "dist": "no", "distload": False, "tx": [], "looponfail": False},
    "--forked": {"forked": False},
    "--reruns": {"reruns": None},
    "--codspeed": {"codspeed": False},
    "--cov": {"cov_source": []},
    "-x": {"maxfail": 0},
    "--lf": {"lf": False},
    "--ff": {"failedfirst": False},
    "--nf": {"newfirst": False},
    "--sw": {"stepwise": False, "stepwise_skip": False, "stepwise_reset": False},
    "--pdb": {"usepdb": False},
    "--trace": {"trace": False},
    "--collect-only": {"collectonly": False},
    "--setup-only": {"setuponly": False},
    "--setup-plan": {"setupplan": False},
    "--junitxml": {"xmlpath": None},
    "--html": {"htmlpath": None},
    "--json-report": {"json_report": False},
    "--report-log": {"report_log": None},
    "--pastebin": {"pastebin": None},
    "--basetemp": {"basetemp": None},
    "--gate": {"tlbench_gate": None, "tlbench_describe_machine": None},
    "--benchmark-skip": {"benchmark_skip": False},
    "--benchmark-disable": {"benchmark_disable": False},
    "--benchmark-save": {"benchmark_save": None},
    "--benchmark-autosave": {"benchmark_autosave": None},
    "--benchmark-json": {"benchmark_json": None},
    "--benchmark-compare": {"benchmark_compare": []},
    "--benchmark-compare-fail": {"benchmark_compare_fail": None},
    "--benchmark-histogram": {"benchmark_histogram": []},
    "--benchmark-cprofile": {"benchmark_cprofile": None},
    "--benchmark-cprofile-dump": {"benchmark_cprofile_dump": []},
}
#: Values of options that are overridden without a note. Without the option, the ini setting of the
#: same name would count.
QUIETLY: dict[str, Any] = {
    "log_file": os.devnull,
    "session_timeout": float("inf"),
    "benchmark_group_by": "group",
}
#: The same for ini settings.
SETTINGS: dict[str, Any] = {
    "tlbench_gate": "",
    "faulthandler_timeout": 0.0,
}
#: Reasons that aren't obvious.
REASONS = {"-n": "benchmarks run one after the other"}


class Overrides:
    """The plugin; ``noted`` has the user's options that are overridden."""

    def __init__(self) -> None:
        self.noted: list[str] = []
        self._open_again = _open_nothing()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_load_initial_conftests(
        self, early_config: pytest.Config
    ) -> Generator[None, object, object]:
        """Keep coverage from starting, and make sure that pytest-benchmark is there."""
        manager, known = early_config.pluginmanager, early_config.known_args_namespace
        known.cov_source = []
        if not manager.is_registered(pytest_benchmark.plugin):  # no:benchmark, or no autoloading
            manager.consider_pluginarg("benchmark")
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_cmdline_main(self, config: pytest.Config) -> Generator[None, object, object]:
        """Override what was parsed, before any plugin looks at it."""
        self._open_again()
        options = vars(config.option)
        for name, values in OVERRIDDEN.items():
            there = {key: value for key, value in values.items() if key in options}
            if any(options[key] and options[key] != value for key, value in there.items()):
                self.noted.append(name)
            options.update(there)
        options.update({key: value for key, value in QUIETLY.items() if key in options})
        scratch = tempfile.mkdtemp(dir=Path(__file__).parents[1])
        config.option.benchmark_storage = f"file://{scratch}/benchmarks"
        # There is no public way to set them.
        config._inicache.update(SETTINGS, cache_dir=f"{scratch}/cache")  # noqa: SLF001
        _seed_alike(config)
        return (yield)

    def note(self) -> list[str]:
        """At most one line for the user."""
        if not self.noted:
            return []
        names = (f"{name} ({REASONS[name]})" if name in REASONS else name for name in self.noted)
        return [f"pytest options that the gate overrides: {', '.join(names)}"]


def _seed_alike(config: pytest.Config) -> None:
    """Give both arms of a pair the same seed; pytest-randomly draws one for each process."""
    if getattr(config.option, "randomly_seed", None) in ("default", "last"):
        config.option.randomly_seed = int(os.environ.get("PYTHONHASHSEED", "0"))


def _open_nothing() -> Callable[[], None]:
    """Open the null device in place of output files while options are parsed.

    The returned function ends this.

    pytest-benchmark before 5.2 empties the file of ``--benchmark-json`` when it parses the option.
    """
    kind: Any = argparse.FileType
    opening = kind.__call__

    def opened(self: Any, name: str) -> Any:  # noqa: ANN401 - a FileType, and a file
        return opening(self, os.devnull if "w" in self._mode else name)

    def undo() -> None:
        kind.__call__ = opening

    kind.__call__ = opened
    return undo
