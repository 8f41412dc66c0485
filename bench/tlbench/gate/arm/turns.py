"""The messages and work of an arm, from its first benchmark to the end of its session.

Messages to the gate: for each benchmark ``ready``, a ``round`` or ``raised`` for every order, and
``done``; ``finished``. Orders from the gate: ``round``, ``finish`` or ``skip``; after the pairs
also calls ``for`` a profile, or to ``count`` instructions, which have an ``answer``.
"""

from __future__ import annotations

import contextlib
import json
from time import perf_counter
from typing import TYPE_CHECKING, Any

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from .instructions import count_calls
from .loaded import loaded_packages
from .processors import children_s, is_alone
from .profiled import allow_tracing, calls_for
from .reasons import first_line, why
from .rounds import steady_memory, timed_round

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from .line import Line
    from .timeouts import Timeouts

#: Orders of the gate after the pairs have been timed.
AFTERWARDS = {"trace": allow_tracing, "for": calls_for, "count": count_calls}
#: Keys of ``extra_info`` that aren't sent: their values are long, and no verdict needs them.
LONG = ("rounds", "noise")


class Turns:
    """The plugin."""

    def __init__(self, line: Line, timeouts: Timeouts) -> None:
        self.line, self.timeouts = line, timeouts
        self.test = ""
        self.timed = False
        self.reports: list[pytest.TestReport] = []
        self.info: dict[str, Any] = {}
        self.files: set[str] = set()
        self.began = 0.0

    def pytest_itemcollected(self, item: pytest.Item) -> None:
        """Remember the files of tests."""
        self.files.add(str(getattr(item, "path", None) or item.fspath))  # before pytest 7

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Send how a test ended, also if the session ends with it."""
        self.test, self.timed, self.reports, self.info = item.nodeid, False, [], {}
        self.began = perf_counter()
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
            self.info = _plain(getattr(fixture, "extra_info", {}))
        return report

    def pytest_sessionfinish(self) -> None:
        """Send that all is done, and which packages were imported, if the gate asked for it."""
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

        ``arguments`` makes the arguments of a part, and ``teardown`` gets them after it, both
        untimed. Without ``iterations`` the gate chooses how many calls a part of a round has.
        """
        if self.timed:
            raise RuntimeError("a plugin ran this test again; the gate times a benchmark once")
        self.timed, took_s = True, perf_counter() - self.began
        self.line.tell(event="ready", test=self.test, iterations=iterations, took_s=took_s)
        result, stats = None, None
        with steady_memory():
            while (order := self._order())["do"] not in {"finish", "skip"}:
                try:
                    if order["do"] in AFTERWARDS:
                        run = AFTERWARDS[order["do"]]
                        answer = run(fixture, target, arguments, teardown, order)
                        self.line.tell(event="answer", **answer)
                        continue
                    before_s = children_s()
                    seconds, result = timed_round(fixture, target, arguments, teardown, order)
                except BaseException as error:
                    self.line.tell(event="raised", message=first_line(error))
                    raise
                if order["timed"]:
                    stats = stats or fixture._make_stats(order["iterations"])  # noqa: SLF001
                    stats.update(seconds * order["iterations"])
                self.line.tell(event="round", seconds=seconds, alone=is_alone(before_s))
        if order["do"] == "skip":
            pytest.skip("the other arm can't time this benchmark")
        return result

    def _order(self) -> dict[str, Any]:
        with self.timeouts.stopped():
            return self.line.hear()


def _plain(info: dict[Any, Any]) -> dict[str, Any]:
    """The values of ``extra_info`` that can be sent as JSON."""
    plain = {}
    for key, value in info.items():
        if isinstance(key, str) and key not in LONG:
            with contextlib.suppress(TypeError, ValueError, RecursionError):
                plain[key] = json.loads(json.dumps(value, default=str))
    return plain


def _outcome(reports: list[pytest.TestReport]) -> dict[str, str]:
    """How a test ended: by its first failure, or else its first phase that didn't pass."""
    bad = [report for report in reports if not report.passed]
    bad.sort(key=lambda report: report.skipped)
    if not bad:
        return {"outcome": "passed", "message": ""}
    # Plugins that run tests again have other outcomes, such as "rerun".
    return {"outcome": "skipped" if bad[0].skipped else "failed", "message": why(bad[0])}


def take_turns(turns: Turns) -> None:
    """Replace pytest-benchmark's timing by the gate's turns."""

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
