"""What a benchmark run does at pytest's hooks: order, progress bars, result file, table."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from tlbench.escapes import printable
from tlbench.runs.row import CURRENT, STAGES
from tlbench.suite.session import FOLDER, KEEPS_TIMING, SUITE_NAME, stage_of
from tlbench.terminal import guard_report, report

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from _pytest.terminal import TerminalReporter

    from tlbench.runs.read import Benchmark
    from tlbench.runs.write import Written
    from tlbench.suite.session import Suite


class SuiteHooks:
    """The plugin of a benchmark run; ``written`` is its result, None until there is one."""

    def __init__(self, suite: Suite) -> None:
        self.suite, self.config = suite, suite.config
        self.written: Written | None = None

    def pytest_report_header(self) -> list[str]:
        """The job, before anything runs."""
        from tlbench.suite.plan import describe

        return list(map(printable, describe(self.suite.workload)))

    def pytest_sessionstart(self) -> None:
        """Guard the terminal."""
        guard_report(self.config)

    def pytest_ignore_collect(self, collection_path: Path) -> bool | None:
        """Leave out what needs a cluster where there is none."""
        has_cluster = self.suite.ray is not None and not self.suite.takes_turns
        return True if collection_path == FOLDER / "test_scaling.py" and not has_cluster else None

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Import TensorFlow while output is captured, before progress bars are let through."""
        from tlbench.suite.quiet import import_tensorflow

        self.suite.chosen = frozenset(item.name for item in session.items)
        self.suite.left = len(session.items)
        if session.items and not self.suite.isolate and not self.config.getoption("collectonly"):
            import_tensorflow(self.suite.workload.device)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        """Run the stages in the order of the job."""
        from tlbench.timing.isolation import IsolatedItem

        items.sort(key=lambda item: (*STAGES, None).index(stage_of(item)))
        if self.suite.isolate:
            command, rows = self.suite.command, self.suite.isolated
            items[:] = [
                IsolatedItem.of(item, command, rows) if stage_of(item) else item for item in items
            ]

    # Last of the wrappers, so that pytest's capturing has begun when this lets output through.
    @pytest.hookimpl(wrapper=True, trylast=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> Generator[None, object, object]:
        """Let progress bars reach the terminal while models load and stages run."""
        with self._uncaptured(item):
            return (yield)

    pytest_runtest_call = pytest_runtest_setup

    # Outermost: pytest-benchmark says then whether a test was skipped.
    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Drop the timing of a benchmark whose check failed from all files.

        One that was right but slower than a baseline keeps it.
        """
        report = yield
        if report.when == "call" and item.stash.get(KEEPS_TIMING, False):
            return report
        benchmark = getattr(item, "funcargs", {}).get("benchmark")
        if report.failed and benchmark is not None:
            benchmark.has_error = True
            # That nothing was timed is no second error, on top of why.
            benchmark.skipped = True
        if not report.passed and stage_of(item):
            self.suite.not_measured.setdefault(item.name, _reason(report))
        return report

    def pytest_benchmark_update_machine_info(self, machine_info: dict[str, Any]) -> None:
        """Add our fingerprint to pytest-benchmark's description of the machine."""
        from tlbench.machine.fingerprint import fingerprint

        machine_info["tlbench"] = fingerprint()

    def pytest_benchmark_update_json(self, output_json: dict[str, Any]) -> None:
        """Say in every file what it lacks, so that nobody takes it for a whole run."""
        output_json["benchmarks"] += self.suite.isolated
        output_json["tlbench"] = {
            "version": CURRENT,
            "not_measured": self.suite.not_measured,
            "isolated": self.suite.isolate,
        }

    def pytest_keyboard_interrupt(self) -> None:
        """Drop the rounds of the benchmark that was interrupted, before any file is written."""
        for benchmark in self._benchmarks.benchmarks:
            # Its row is filled last, when every check has passed.
            if benchmark.fullname.startswith(SUITE_NAME) and "stage" not in benchmark.extra_info:
                benchmark.fixture.has_error = True

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the result file, if anything was measured.

        If it can't be written, the exit code is that of a results folder which can't be used.
        """
        from tl_core.models.handles import public_name
        from tlbench.runs.write import Subject, write_results

        if self.suite.isolated or any(not each.has_error for each in self._benchmarks.benchmarks):
            job = self.suite.workload
            model = public_name(job.model)
            subject = Subject(job.name, model, job.data, job.engine, job.precision, job.device)
            self.written = write_results(self._benchmarks, subject, self.suite.results)
            if self.written.problem and session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.USAGE_ERROR

    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """The table, and the path of the result file."""
        from tlbench.report.table import result_table
        from tlbench.runs.read import result_of

        benchmarks: Sequence[Benchmark] = ()
        place = "nothing was measured"
        if self.written:
            text, path, problem = self.written
            benchmarks = result_of(json.loads(text), "the run").benchmarks
            place = problem or str(path)
        table = result_table(benchmarks, self.suite.not_measured)
        report(terminalreporter, [*table, f"results: {place}"], "benchmark")

    @property
    def _benchmarks(self) -> Any:  # noqa: ANN401 - pytest-benchmark's session
        return self.config._benchmarksession  # type: ignore[attr-defined]  # noqa: SLF001

    def _uncaptured(self, item: pytest.Item) -> contextlib.AbstractContextManager[None]:
        capture = self.config.pluginmanager.getplugin("capturemanager")
        if capture is None or not stage_of(item):
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
