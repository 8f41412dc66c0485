"""One benchmark run: what its tests share, and what is written and said at its end."""

from __future__ import annotations

import contextlib
from time import perf_counter
from typing import TYPE_CHECKING, Any

import pytest

from tlbench.runs.schema import CURRENT

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from _pytest.terminal import TerminalReporter

    from tlbench.suite.workloads import Workload

#: On a test that a gate turned red: whether what it measured is right and stays in the files.
KEEPS_TIMING = pytest.StashKey[bool]()
#: The plugin of a gate's process, see ``tlbench.gate.arm_plugin``.
TURNS = "tlbench-turns"
#: What the suite's benchmarks are called, wherever the package is installed.
SUITE_NAME = "bench/suite/"
#: The order in which a job's stages happen, and in which they are measured and shown.
STAGES = ("resize", "extract", "train", "evaluate", "classify", "pipeline", "time_to_accuracy")


def _seconds(text: str) -> float | None:
    """``--budget``'s value; a bad one is a usage error."""
    try:
        value = float(text) if text else None
    except ValueError:
        value = -1.0
    if value is not None and not 0 < value < float("inf"):
        raise pytest.UsageError(f"--budget {text}: expected seconds, such as 60")
    return value


def gated(config: pytest.Config) -> bool:
    """Whether the run is judged against a baseline."""
    return bool(config.getoption("tlbench_gate") or config.getini("tlbench_gate"))


def _isolate(config: pytest.Config) -> bool:
    """Whether each benchmark gets a process of its own: on request, and where it is judged."""
    asked = config.getoption("tlbench_isolate")
    return gated(config) if asked is None else bool(asked)


class Suite:
    """One benchmark run: what the benchmark tests share, and what is written at the end.

    Args:
        config: pytest's configuration.
        workload: What is run.

    Attributes:
        results: Folder for result files.
        budget_s: Seconds that the run may take; None leaves every stage its usual rounds.
        started: When the run began, in ``perf_counter``'s seconds.
        chosen: Names of the benchmark tests that will run.
        isolate: Whether each runs in a process of its own.
        isolated: What such processes measured, as pytest-benchmark writes it.
        left: How many of them are still to come.
        not_measured: Reason by test, for the table: what is missing is said, not left out.
    """

    def __init__(self, config: pytest.Config, workload: Workload) -> None:
        self.config = config
        self.workload = workload
        chosen = config.getoption("--results") or config.getini("tlbench_results")
        self.results = config.invocation_params.dir / chosen
        self.download = bool(config.getoption("tlbench_download"))
        self.budget_s = _seconds(config.getoption("--budget") or config.getini("tlbench_budget"))
        self.started = perf_counter()
        self.chosen: frozenset[str] = frozenset()
        self.isolate = _isolate(config)
        self.isolated: list[dict[str, Any]] = []
        self.left = 0
        self.written: Path | None = None
        self.not_measured: dict[str, str] = {}

    @property
    def takes_turns(self) -> bool:
        """Whether ``tlbench gate`` runs the rounds, and says how many are to warm up."""
        return self.config.pluginmanager.has_plugin(TURNS)

    def say(self, text: str) -> None:
        """Print lines past pytest's capturing."""
        reporter: TerminalReporter = self.config.pluginmanager.getplugin("terminalreporter")
        reporter.ensure_newline()
        reporter.write_line(text)

    def pytest_report_header(self) -> list[str]:
        """The job, before anything runs."""
        from tlbench.suite.plan import describe

        return describe(self.workload)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Import TensorFlow while output is captured, before progress bars are let through."""
        from tlbench.suite.quiet import import_tensorflow

        self.chosen = frozenset(item.name for item in session.items)
        self.left = len(session.items)
        if self.isolate:
            return
        if session.items and not self.config.getoption("collectonly"):
            import_tensorflow(self.workload.device)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Run the stages in the order of the job."""
        items.sort(key=lambda item: STAGES.index(_stage(item)) if _stage(item) else len(STAGES))
        if self.isolate:
            from tlbench.timing.isolation import IsolatedItem

            items[:] = [IsolatedItem.of(item, self) if _stage(item) else item for item in items]

    # Last of the wrappers, so that pytest's capturing has begun when this lets output through.
    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Let progress bars reach the terminal while models load."""
        with self._uncaptured(item):
            return (yield)

    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Let progress bars reach the terminal while stages run."""
        with self._uncaptured(item):
            return (yield)

    # Outermost: pytest-benchmark says then whether a test was skipped.
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """A benchmark whose check failed keeps no timing, in whatever file is written.

        One that was right but slower than a baseline does.
        """
        report = yield
        if report.when == "call" and item.stash.get(KEEPS_TIMING, False):
            return report
        benchmark = getattr(item, "funcargs", {}).get("benchmark")
        if report.failed and benchmark is not None:
            benchmark.has_error = True
            # That nothing was timed is no second error, on top of why.
            benchmark.skipped = True
        if not report.passed and _stage(item):
            self.not_measured.setdefault(item.name, _reason(report))
        return report

    def pytest_benchmark_update_machine_info(self, machine_info: dict[str, Any]) -> None:
        """Add our fingerprint to pytest-benchmark's description of the machine."""
        from tlbench.machine.fingerprint import fingerprint

        machine_info["tlbench"] = fingerprint()

    def pytest_benchmark_update_json(self, output_json: dict[str, Any]) -> None:
        """Say in every file what it lacks, so that nobody takes it for a whole run."""
        output_json["benchmarks"] += self.isolated
        output_json["tlbench"] = {
            "version": CURRENT,
            "not_measured": self.not_measured,
            "isolated": self.isolate,
        }

    def pytest_keyboard_interrupt(self) -> None:
        """Drop the rounds of the benchmark that was interrupted, before any file is written."""
        for benchmark in self._session.benchmarks:
            # Its row is filled last, when every check has passed.
            if benchmark.fullname.startswith(SUITE_NAME) and "stage" not in benchmark.extra_info:
                benchmark.fixture.has_error = True

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self) -> None:
        """Write the result file, if anything was measured."""
        from tlbench.runs.write import write_results

        if self.isolated or any(not each.has_error for each in self._session.benchmarks):
            self.written = write_results(self._session, self.workload, self.results)

    @property
    def _session(self) -> Any:  # noqa: ANN401 - pytest-benchmark's session
        return self.config._benchmarksession  # type: ignore[attr-defined]  # noqa: SLF001

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """The table, and where the results are."""
        from tlbench.report.table import result_table
        from tlbench.runs.read import read_rows

        terminalreporter.section("benchmark", sep="-")
        rows = read_rows(self.written) if self.written else []
        for line in result_table(rows, self.not_measured):
            terminalreporter.write_line(line)
        kept = f"results: {self.written}" if self.written else "results: nothing was measured"
        terminalreporter.write_line(kept)

    def _uncaptured(self, item: pytest.Item) -> contextlib.AbstractContextManager[None]:
        capture = self.config.pluginmanager.getplugin("capturemanager")
        if capture is None or not _stage(item):
            return contextlib.nullcontext()
        disabled: contextlib.AbstractContextManager[None] = capture.global_and_fixture_disabled()
        return disabled


def _reason(report: pytest.TestReport) -> str:
    """Why a benchmark has no row, in a line."""
    if isinstance(report.longrepr, tuple):  # skipped
        return str(report.longrepr[2]).removeprefix("Skipped: ")
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = str(crash.message if crash else report.longrepr).splitlines()
    return lines[0] if lines else "failed"


def _stage(item: pytest.Item) -> str | None:
    marker = item.get_closest_marker("stage")
    return str(marker.args[0]) if marker else None
