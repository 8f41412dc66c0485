"""``pytest --gate BASELINE``: a benchmark that became slower is a failed test.

Works on this suite and on anybody's pytest-benchmark tests.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tlbench.escapes import printable
from tlbench.gate.baseline import other_isolation, other_machine
from tlbench.gate.baseline_verdicts import (
    Measurement,
    against_baseline,
    baseline_verdicts,
)
from tlbench.gate.untimed import NO_BENCHMARK
from tlbench.gate.verdict import Report, Verdict
from tlbench.plugin.gate_options import allowed_to, gate_settings, is_narrowed
from tlbench.suite.session import KEEPS_TIMING, SUITE, name_of
from tlbench.terminal import report
from tlbench.timing.isolation import IsolatedItem

if TYPE_CHECKING:
    from collections.abc import Generator

    from _pytest.terminal import TerminalReporter

    from tlbench.plugin.machine import Described

#: Exit statuses of sessions that ran to their end.
_ENDED = (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.NO_TESTS_COLLECTED)
_NEW = (
    "it is not in the baseline: make a new one with tlbench baseline, or judge the others only "
    "with --allow-new"
)
_ALLOW = "; where that is what is to be judged, allow it by name with --allow-changed"
_VANISHED = (
    "vanished: it is in the baseline, but there was no such test now; where it was dropped on "
    "purpose, make a new baseline"
)


@dataclass(frozen=True)
class _Row:
    """What a test measured, as it will be filed."""

    name: str
    seconds: list[float]
    info: dict[str, Any]


class StoredGate:
    """The plugin: judges each benchmark when its test has passed, and all at the end.

    Args:
        config: pytest's configuration.
        described: Knows the machine.

    Attributes:
        items: Tests by the full name of what they measure.
        names: That name by the test's id.
        active: Whether anything is judged in this session.
        measured: What was measured, by full name, in order.
        failed: Names of those whose test the gate failed.
        missing_reasons: Why a benchmark of the baseline wasn't measured, by full name; empty where
            its own test failed.
        verdicts: At the end of the session, by full name.
        notes: What else the report says.

    Raises:
        UsageError: A baseline that can't be used, or a bad option.
    """

    def __init__(self, config: pytest.Config, described: Described) -> None:
        self.config, self.described = config, described
        self.settings = gate_settings(config)
        self.stored = self.settings.stored
        self.items: dict[str, pytest.Item] = {}
        self.names: dict[str, str] = {}
        self.active = False
        self.measured: dict[str, Measurement] = {}
        self.failed: set[str] = set()
        self.missing_reasons: dict[str, str] = {}
        self.verdicts: dict[str, Verdict] = {}
        self.notes: list[str] = []

    @property
    def total(self) -> int:
        """No more benchmarks than this can be compared."""
        return max(1, min(len(self.stored), len(self.items)))

    def pytest_report_header(self) -> str:
        """Name the baseline."""
        return printable(f"gate: {self.settings.path.name}, {len(self.settings.origins)} runs")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """Note which benchmarks will be judged; refuse a bad marker before anything runs."""
        self.items = {name_of(item): item for item in session.items}
        self.names = {item.nodeid: name for name, item in self.items.items()}
        for item in filter(_is_benchmark, session.items):
            allowed_to(item, self.settings.tolerances)
        concerned = self.settings.explicit or bool(self.items.keys() & self.stored.keys())
        self.active = concerned and not self.config.option.collectonly

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, object, object]:
        """Judge what the test measured, once it has passed."""
        rows = self._rows(item)
        before = len(rows)
        result = yield
        if self.active:
            new = rows[before:]
            for row in new:
                self._check(item, row)
            if not new and name_of(item) in self.stored:
                self._fail(item, self._refused(item, name_of(item), "nothing was measured"))
        return result

    def _rows(self, item: pytest.Item) -> list[Any]:
        """The growing list in which the test's rows will be."""
        if isinstance(item, IsolatedItem):
            return item.rows
        rows: list[Any] = self.config._benchmarksession.benchmarks  # type: ignore[attr-defined]  # noqa: SLF001
        return rows

    def _check(self, item: pytest.Item, measured: Any) -> None:  # noqa: ANN401 - pytest-benchmark's
        """Fail the test where its verdict is ``fail`` or ``not comparable``."""
        row = _row(measured)
        if row.name not in self.stored and self.settings.allow_new:
            self.notes.append(f"{row.name} is new: not judged")
            return
        verdict = self._verdict(item, row)
        if verdict.accuracy_lost:
            self._drop(item, measured)
        if verdict.status in ("fail", "not comparable"):
            self._fail(item, verdict, keeps_timing=not verdict.accuracy_lost)

    def _verdict(self, item: pytest.Item, row: _Row) -> Verdict:
        """By what is known so far: later benchmarks can only add failures."""
        stored = self.stored.get(row.name)
        if stored is None:
            return self._refused(item, row.name, _NEW)
        problem = self._other_conditions(ours="stage" in row.info)
        if problem:
            return self._refused(item, row.name, problem)
        allowed = allowed_to(item, self.settings.tolerances)
        self.measured[row.name] = against_baseline(row.name, row.seconds, row.info, stored, allowed)
        return baseline_verdicts(self.measured.values(), self.total)[row.name]

    def _refused(self, item: pytest.Item, name: str, problem: str) -> Verdict:
        allowed = allowed_to(item, self.settings.tolerances)
        self.measured[name] = Measurement(name, allowed, problem=problem)
        return baseline_verdicts([self.measured[name]], self.total)[name]

    def _fail(self, item: pytest.Item, verdict: Verdict, *, keeps_timing: bool = True) -> None:
        from tlbench.report.gate_words import paragraph

        item.stash[KEEPS_TIMING] = keeps_timing
        self.failed.add(verdict.name)
        pytest.fail(printable(f"gate: {paragraph(verdict)}"), pytrace=False)

    def _drop(self, item: pytest.Item, measured: Any) -> None:  # noqa: ANN401 - pytest-benchmark's
        """Drop a speed at a lost accuracy, so that it becomes nobody's baseline."""
        if isinstance(item, IsolatedItem):
            item.rows.remove(measured)
        else:
            measured.fixture.has_error = True

    def _other_conditions(self, *, ours: bool) -> str | None:
        """Why this run isn't like the baseline's."""
        hooks = self.config.pluginmanager.getplugin(SUITE)
        isolated = hooks is not None and hooks.suite.isolate
        for run in self.settings.origins:
            facts, allowed = self.described.facts, self.settings.allowed
            problem = other_machine(run.facts, facts, allowed, hint=_ALLOW)
            if problem is None and ours:
                problem = other_isolation(run.isolated, isolated)
            if problem:
                return problem
        return None

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember benchmarks that failed by themselves, or were skipped."""
        name = self.names.get(report.nodeid)
        if name is None or name not in self.stored or name in self.measured or report.passed:
            return
        if isinstance(report.longrepr, tuple):
            self.missing_reasons[name] = str(report.longrepr[2]).removeprefix("Skipped: ")
        else:
            self.missing_reasons[name] = "expected to fail" if report.skipped else ""

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Judge again with all benchmarks known, and name those that are missing."""
        if not self.active:
            return
        if not any(map(_is_benchmark, self.items.values())):
            self.notes.append(NO_BENCHMARK)
        self.verdicts = baseline_verdicts(self.measured.values(), self.total)
        self.verdicts |= {verdict.name: verdict for verdict in self._missing(session)}
        failed_tests = self.failed | {name for name, why in self.missing_reasons.items() if not why}
        bad = {v.name for v in self.verdicts.values() if v.status in ("fail", "not comparable")}
        if bad - failed_tests and session.exitstatus in _ENDED:  # the session fails for the others
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def _missing(self, session: pytest.Session) -> list[Verdict]:
        """Verdicts on the baseline's benchmarks that should have been measured and weren't."""
        is_cut_short = session.exitstatus not in _ENDED or session.shouldstop or session.shouldfail
        verdicts, left_out = [], 0
        for name in sorted(self.stored.keys() - self.measured.keys()):
            why = self.missing_reasons.get(name)
            if why == "":
                verdicts.append(Verdict(name, "fail", "its own test failed"))
            elif why is not None:
                verdicts.append(Verdict(name, "not comparable", f"not measured now: {why}"))
            elif is_cut_short or (name not in self.items and is_narrowed(self.config)):
                left_out += 1
            else:
                verdicts.append(Verdict(name, "not comparable", _VANISHED))
        if left_out:
            self.notes.append(f"{left_out} of the baseline's {len(self.stored)} benchmarks not run")
        return verdicts

    @pytest.hookimpl(trylast=True)
    def pytest_terminal_summary(self, terminalreporter: TerminalReporter) -> None:
        """Print a line per benchmark, the reasons, and the verdict."""
        from tlbench.report.gate_text import gate_table

        if not self.active:
            return
        base = f"{len(self.settings.origins)} runs of {self.settings.path.name}"
        verdicts, notes = tuple(self.verdicts.values()), tuple(self.notes)
        verdict = Report(base, "this run", verdicts, notes=notes)
        lines = gate_table(verdict, None if terminalreporter.verbosity > 0 else "-v")
        loud = verdict.status != "pass"
        title = f"gate: {verdict.status}"
        report(terminalreporter, lines, title, yellow=loud, bold=loud)


def _is_benchmark(item: pytest.Item) -> bool:
    """Whether the test measures, so that a marker ``tolerance`` on it is meant for the gate."""
    return isinstance(item, IsolatedItem) or "benchmark" in getattr(item, "fixturenames", ())


def _row(measured: Any) -> _Row:  # noqa: ANN401
    """From JSON, or from pytest-benchmark's own object."""
    if isinstance(measured, dict):
        return _Row(measured["fullname"], measured["stats"]["data"], measured["extra_info"])
    return _Row(measured.fullname, list(measured.stats.data), dict(measured.extra_info))
