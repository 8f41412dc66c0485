"""The collection of an arm: its benchmarks, files that can't be imported, missing arguments.

Messages to the gate: ``importing`` before and after each file, because an import may end the
process; then ``collected``. The gate answers which benchmarks to ``run``.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from _pytest.reports import CollectReport  # public since pytest 7

from .reasons import first_line

if TYPE_CHECKING:
    from collections.abc import Generator

    from .line import Line


class Collection:
    """The plugin; ``notes`` are lines for the user.

    Attributes:
        broken: By id, outcome (``failed`` or ``skipped``) and reason of a file or test that
            couldn't be imported.
        missing: Arguments that name nothing in this arm, relative to the folder of pytest's start.
    """

    def __init__(self, line: Line, notes: list[str]) -> None:
        self.line, self.notes = line, notes
        self.left_out = frozenset(line.settings["left_out"])
        self.broken: dict[str, dict[str, str]] = {}
        self.missing: list[str] = []

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """Report files that can't be imported, without ending the session."""
        config.option.continue_on_collection_errors = True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection(self, session: pytest.Session) -> Generator[None, object, object]:
        """Collect without arguments that name something that only the other arm has."""
        config = session.config
        if not config.option.pyargs:
            gone = [each for each in config.args if not _path(config, each).exists()]
            self._leave_out(config, gone)
        try:
            return (yield)
        except pytest.UsageError as error:
            gone = [each for each in config.args if _lacks(config, each, error)]
            if not gone:
                raise
            self._leave_out(config, gone)
            return session.perform_collect()

    @pytest.hookimpl(wrapper=True)
    def pytest_make_collect_report(
        self, collector: pytest.Collector
    ) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
        """Send which file is imported, and remember why it can't be."""
        name, is_file = collector.nodeid, isinstance(collector, pytest.File)
        if name in self.left_out:
            collector.collect = list  # type: ignore[method-assign] # it ended a process before
        if is_file:
            self.line.tell(event="importing", file=name)
        try:
            report = yield
        except (SystemExit, pytest.exit.Exception) as error:
            report = CollectReport(name, "failed", first_line(error), [])
            self.broken[name] = {"outcome": "failed", "message": first_line(error)}
        if is_file:
            self.line.tell(event="importing", file=None)
        call = getattr(report, "call", None)
        if call and call.excinfo:
            self.broken[name] = {
                "outcome": report.outcome,
                "message": _reason(call.excinfo.value),
            }
        return report

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Send the list of benchmarks, and run those that the gate wants, in its order."""
        known = {
            each.nodeid: each for each in items if "benchmark" in getattr(each, "fixturenames", ())
        }
        self.notes += _only_marked(items)
        tolerances = {name: _tolerance(item) for name, item in known.items()}
        self.line.tell(
            event="collected",
            tolerances=tolerances,
            errors=self.broken,
            missing=self.missing,
            notes=self.notes,
        )
        chosen = [known[name] for name in self.line.hear()["run"]]
        config.hook.pytest_deselected(items=[each for each in items if each not in chosen])
        items[:] = chosen

    def _leave_out(self, config: pytest.Config, gone: list[str]) -> None:
        """Drop these arguments; those in a file that can't be imported aren't missing."""
        config.args = [each for each in config.args if each not in gone]
        broken = [config.rootpath / name.partition("::")[0] for name in self.broken if name]
        for each in gone:
            path = _path(config, each)
            if not any(file in (path, *path.parents) for file in broken):
                rest = each[len(_split(each)[0]) :]
                self.missing.append(os.path.relpath(path, config.invocation_params.dir) + rest)


def _split(argument: str) -> list[str]:
    """The path of an argument such as ``bench_a.py::TestB::test_c[x::y]``, and its names."""
    return argument.partition("[")[0].split("::")


def _path(config: pytest.Config, argument: str) -> Path:
    return Path(os.path.abspath(config.invocation_params.dir / _split(argument)[0]))  # noqa: PTH100 - links stay


def _lacks(config: pytest.Config, argument: str, error: pytest.UsageError) -> bool:
    """Whether pytest says that an argument names a test that doesn't exist."""
    _, *names = _split(argument)
    short = "::".join((str(_path(config, argument)), *names))
    whole = short + argument[len(argument.partition("[")[0]) :]  # as pytest before 9 has it
    lines = {
        f"{text} {each}"
        for text in ("not found:", "found no collectors for")
        for each in (short, whole)
    }
    return any(str(text).split("\n")[0] in lines for text in error.args)


def _reason(error: BaseException) -> str:
    """The cause of pytest's own exception, or else pytest's message."""
    if isinstance(error, pytest.Collector.CollectError):
        if error.__cause__ is None:
            return first_line(error).partition(": ")[2]
        error = error.__cause__
    return first_line(error)


def _only_marked(items: list[pytest.Item]) -> list[str]:
    """At most one note, on tests that pytest-codspeed times and the gate doesn't."""
    names = [each.name for each in items if _is_codspeed(each)]
    if not names:
        return []
    tests = "1 test isn't" if len(names) == 1 else f"{len(names)} tests aren't"
    note = (
        f"{tests} timed, such as {names[0]}: the gate ignores pytest-codspeed's marker and "
        "fixture; expected the fixture 'benchmark', as in def test_f(benchmark): benchmark(f)"
    )
    return [note]


def _is_codspeed(item: pytest.Item) -> bool:
    """Whether a test is a benchmark for pytest-codspeed alone."""
    fixtures = getattr(item, "fixturenames", ())
    marks = ("benchmark", "codspeed_benchmark")
    return "benchmark" not in fixtures and (
        "codspeed_benchmark" in fixtures or any(item.get_closest_marker(name) for name in marks)
    )


def _tolerance(item: pytest.Item) -> dict[str, Any]:
    """The arguments of the marker ``tolerance``, as written."""
    marker = item.get_closest_marker("tolerance")
    return {"args": list(marker.args), "kwargs": marker.kwargs} if marker else {}
