"""What an arm says and does, from collection to the end of its session.

Messages to the gate: ``collected`` (benchmarks, and modules that couldn't be imported); for each
benchmark ``ready``, a ``round`` or ``raised`` for every order, and ``done``; ``finished``.
Orders from the gate: which benchmarks to ``run``; ``round``, ``finish`` or ``skip``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from .loaded import loaded_packages
from .rounds import steady_memory, timed_round

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from .line import Line
    from .timeouts import Timeouts

#: What of ``extra_info`` isn't sent: long, and of no use for a verdict.
LONG = ("rounds", "noise")


class Turns:
    """The plugin; ``notes`` are lines for the user."""

    def __init__(self, line: Line, timeouts: Timeouts, notes: list[str]) -> None:
        self.line, self.timeouts, self.notes = line, timeouts, notes
        self.test = ""
        self.timed = False
        self.reports: list[pytest.TestReport] = []
        self.info: dict[str, Any] = {}
        self.errors: dict[str, str] = {}
        self.files: set[str] = set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_configure(self, config: pytest.Config) -> None:
        """What can't be imported in one arm is reported, and doesn't end the session."""
        config.option.continue_on_collection_errors = True

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        """Remember files that couldn't be imported, with the reason."""
        if report.failed:
            self.errors[report.nodeid] = _message(report)

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Send which benchmarks there are, and run those that the gate wants, in its order."""
        known = {
            each.nodeid: each for each in items if "benchmark" in getattr(each, "fixturenames", ())
        }
        self.files = {str(each.path) for each in items}
        tolerances = {name: _tolerance(item) for name, item in known.items()}
        self.line.tell(
            event="collected", tolerances=tolerances, errors=self.errors, notes=self.notes
        )
        chosen = [known[name] for name in self.line.hear()["run"]]
        config.hook.pytest_deselected(items=[each for each in items if each not in chosen])
        items[:] = chosen

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Send how a test ended, in any case."""
        self.test, self.timed, self.reports, self.info = item.nodeid, False, [], {}
        outcome, ends = None, False
        try:
            return (yield)
        except BaseException as error:  # pytest.exit, Ctrl-C: the session ends
            outcome, ends = {"outcome": "failed", "message": first_line(error)}, True
            raise
        finally:
            self.line.tell(
                event="done", info=self.info, ends=ends, **(outcome or _outcome(self.reports))
            )

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Remember the reports of a test's phases, and the benchmark's ``extra_info``."""
        report = yield
        self.reports.append(report)
        if report.when == "call":
            fixture = getattr(item, "funcargs", {}).get("benchmark")
            info = dict(getattr(fixture, "extra_info", {}))
            self.info = {key: value for key, value in info.items() if key not in LONG}
        return report

    def pytest_sessionfinish(self) -> None:
        """Say that all is done, and what was imported, if the gate asked for it."""
        loaded = loaded_packages(self.files) if self.line.settings.get("loaded") else {}
        self.line.tell(event="finished", loaded=loaded)

    def time(
        self,
        fixture: Any,  # noqa: ANN401 - pytest-benchmark's
        target: Callable[..., Any],
        arguments: Callable[[], tuple[Any, Any]],
        teardown: Callable[..., Any] | None,
        iterations: int | None,
    ) -> Any:  # noqa: ANN401 - what the target returns
        """Run rounds of the target as the gate orders them, and send seconds per call.

        ``arguments`` makes those of a call, and ``teardown`` gets them after it, both untimed.
        Without ``iterations`` the gate chooses how many calls a part of a round has.
        """
        if self.timed:
            raise RuntimeError("a plugin ran this test again; the gate times a benchmark once")
        self.timed = True
        self.line.tell(event="ready", test=self.test, iterations=iterations)
        result, stats = None, None
        with steady_memory():
            while (order := self._order())["do"] == "round":
                try:
                    seconds, result = timed_round(fixture, target, arguments, teardown, order)
                except BaseException as error:
                    self.line.tell(event="raised", message=first_line(error))
                    raise
                if order["timed"]:
                    stats = stats or fixture._make_stats(order["iterations"])  # noqa: SLF001
                    stats.update(seconds * order["iterations"])
                self.line.tell(event="round", seconds=seconds)
        if order["do"] == "skip":
            pytest.skip("the other arm can't time this benchmark")
        return result

    def _order(self) -> dict[str, Any]:
        with self.timeouts.stopped():
            return self.line.hear()


def first_line(error: BaseException) -> str:
    """An exception's type and the first line of its message, as pytest's reports have it."""
    lines = str(error).splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def _tolerance(item: pytest.Item) -> dict[str, Any]:
    """The arguments of the marker ``tolerance``, as written."""
    marker = item.get_closest_marker("tolerance")
    return {"args": list(marker.args), "kwargs": marker.kwargs} if marker else {}


def _outcome(reports: list[pytest.TestReport]) -> dict[str, str]:
    bad = next((each for each in reports if not each.passed), None)
    if bad is None:
        return {"outcome": "passed", "message": ""}
    # Plugins that run tests again have outcomes of their own.
    outcome = "skipped" if bad.outcome == "skipped" else "failed"
    return {"outcome": outcome, "message": _message(bad)}


def _message(report: pytest.TestReport | pytest.CollectReport) -> str:
    """Why a test didn't pass, or a file wasn't collected, in a line."""
    if isinstance(report.longrepr, tuple):  # skipped
        return str(report.longrepr[2])
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = str(crash.message if crash else report.longrepr).splitlines()
    return lines[0] if lines else report.outcome


def take_turns(turns: Turns) -> None:
    """Replace what pytest-benchmark does once it is asked to time."""

    def raw(self: Any, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:  # noqa: ANN401
        return turns.time(self, function, lambda: (args, kwargs), None, None)

    def raw_pedantic(  # noqa: PLR0917 - pytest-benchmark's signature
        self: Any,  # noqa: ANN401
        target: Callable[..., Any],
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
        setup: Callable[[], Any] | None = None,
        teardown: Callable[..., Any] | None = None,
        rounds: int = 1,  # noqa: ARG001 - the gate says how many
        warmup_rounds: int = 0,  # noqa: ARG001 - as is this
        iterations: int = 1,
    ) -> Any:  # noqa: ANN401
        def arguments() -> tuple[Any, Any]:
            return (setup() if setup else None) or (args, kwargs or {})

        return turns.time(self, target, arguments, teardown, iterations)

    for name, ours in (("_raw", raw), ("_raw_pedantic", raw_pedantic)):
        if not hasattr(BenchmarkFixture, name):
            raise pytest.UsageError(f"this version of pytest-benchmark has no {name}")
        setattr(BenchmarkFixture, name, ours)
