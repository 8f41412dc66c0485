"""Inside an arm's process: every round of every pytest-benchmark benchmark waits for its turn.

A pytest plugin of one file that imports nothing of this project, since the arm may be another
environment, or another version of this project. It talks to the gate over two pipes in lines of
JSON, whose file descriptors are in ``TLBENCH_ARM``. The gate's side is ``tlbench.gate.pair``.
"""

from __future__ import annotations

import gc
import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

#: What of ``extra_info`` isn't sent: long, and of no use for a verdict.
LONG = ("rounds", "noise")
#: What the plugin is registered as; ``tlbench.suite.session`` looks for it.
NAME = "tlbench-turns"
#: Exit status where the gate is gone.
ORPHANED = 70


class Line:
    """The line to the gate: descriptors of pipes to read from and to write to, as ``"3,4"``."""

    def __init__(self, descriptors: str) -> None:
        read, write = (int(each) for each in descriptors.split(","))
        self._in = os.fdopen(read, encoding="utf-8")
        self._out = os.fdopen(write, "w", encoding="utf-8")

    def tell(self, **message: Any) -> None:  # noqa: ANN401 - JSON
        """Send a message; where the gate is gone, end at once."""
        try:
            self._out.write(json.dumps(message, default=str) + "\n")
            self._out.flush()
        except BrokenPipeError:
            os._exit(ORPHANED)

    def hear(self) -> dict[str, Any]:
        """Wait for a message; where the gate is gone, end at once."""
        text = self._in.readline()
        if not text:
            os._exit(ORPHANED)
        message: dict[str, Any] = json.loads(text)
        return message


class Turns:
    """The plugin."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.test = ""
        self.reports: list[pytest.TestReport] = []
        self.info: dict[str, Any] = {}

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(
        self, config: pytest.Config, items: list[pytest.Item]
    ) -> None:
        """Send which benchmarks there are, and run those that both arms have, in one order."""
        known = {
            each.nodeid: each for each in items if "benchmark" in getattr(each, "fixturenames", ())
        }
        tolerances = {name: _tolerance(item) for name, item in known.items()}
        self.line.tell(event="collected", tolerances=tolerances)
        chosen = [known[name] for name in self.line.hear()["run"]]
        config.hook.pytest_deselected(items=[each for each in items if each not in chosen])
        items[:] = chosen

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Send how a test ended, in any case."""
        self.test, self.reports, self.info = item.nodeid, [], {}
        try:
            return (yield)
        finally:
            self.line.tell(event="done", info=self.info, **_outcome(self.reports))

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

    def time(
        self,
        fixture: Any,  # noqa: ANN401 - pytest-benchmark's
        target: Callable[..., Any],
        arguments: Callable[[], tuple[Any, Any]],
        teardown: Callable[..., Any] | None,
        iterations: int | None,
    ) -> Any:  # noqa: ANN401 - what the target returns
        """Run rounds of the target as the gate asks for them, and send seconds per iteration.

        ``arguments`` makes those of a round, and ``teardown`` gets them after it, both untimed.
        Without ``iterations`` the gate chooses how many calls a round has.
        """
        self.line.tell(event="ready", test=self.test, iterations=iterations)
        result, stats = None, None
        while (order := self.line.hear())["do"] == "round":
            args, kwargs = arguments()
            seconds, result = _timed(fixture, target, args, kwargs, order["iterations"])
            if teardown:
                teardown(*args, **kwargs)
            if order["timed"]:
                stats = stats or fixture._make_stats(order["iterations"])  # noqa: SLF001
                stats.update(seconds)
            self.line.tell(event="round", seconds=seconds / order["iterations"])
        if order["do"] == "skip":
            pytest.skip("the other arm can't time this benchmark")
        return result


def _timed(
    fixture: Any,  # noqa: ANN401
    target: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    iterations: int,
) -> tuple[float, Any]:
    """Seconds of so many calls, and what the last returned; without collections if asked for."""
    timer, collecting = fixture._timer, gc.isenabled()  # noqa: SLF001
    if fixture._disable_gc:  # noqa: SLF001
        gc.disable()
    try:
        calls = range(iterations - 1)
        start = timer()
        for _ in calls:
            target(*args, **kwargs)
        result = target(*args, **kwargs)
        return timer() - start, result
    finally:
        if collecting:
            gc.enable()


def _tolerance(item: pytest.Item) -> dict[str, Any]:
    """The arguments of the marker ``tolerance``, as written."""
    marker = item.get_closest_marker("tolerance")
    return {"args": list(marker.args), "kwargs": marker.kwargs} if marker else {}


def _outcome(reports: list[pytest.TestReport]) -> dict[str, str]:
    bad = next((each for each in reports if not each.passed), None)
    return {"outcome": bad.outcome if bad else "passed", "message": _message(bad) if bad else ""}


def _message(report: pytest.TestReport) -> str:
    """Why a test didn't pass, in a line."""
    if isinstance(report.longrepr, tuple):  # skipped
        return str(report.longrepr[2])
    crash = getattr(report.longrepr, "reprcrash", None)
    lines = str(crash.message if crash else report.longrepr).splitlines()
    return lines[0] if lines else report.outcome


def _take_turns(turns: Turns) -> None:
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


def pytest_configure(config: pytest.Config) -> None:
    """Begin, in a process that a gate started."""
    config.addinivalue_line("markers", "tolerance(share, accuracy=None): for the gate")
    turns = Turns(Line(os.environ.pop("TLBENCH_ARM")))
    config.pluginmanager.register(turns, NAME)
    _take_turns(turns)
