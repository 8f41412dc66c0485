"""Tracers, profilers and monitoring tools see nothing of a round, and all after it."""

import argparse
import ast
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest

from tlbench.gate import arm
from tlbench.gate.arm.instrumentation import paused
from tlbench.gate.arm.overrides import _open_nothing, _seed_alike
from tlbench.gate.arm.rounds import timed_round

FIXTURE = SimpleNamespace(_timer=lambda: 0.0, _disable_gc=False)


class Counting:
    """A tracer or profiler that counts its calls from ``work``, in any thread."""

    def __init__(self):
        self.calls = 0

    def __call__(self, frame, event, argument):
        self.calls += frame.f_code.co_name == "work"
        return self


@pytest.fixture
def hooks():
    """A tracer, a profiler, and the same for new threads; what was there before comes back."""
    kinds = (sys.settrace, sys.setprofile, threading.settrace, threading.setprofile)
    before = (sys.gettrace(), sys.getprofile(), threading.gettrace(), threading.getprofile())
    counting = dict(zip(kinds, [Counting() for _ in kinds], strict=True))
    for change, hook in counting.items():
        change(hook)
    yield list(counting.values())
    for change, hook in zip(kinds, before, strict=True):
        change(hook)


def installed():
    return [sys.gettrace(), sys.getprofile(), threading.gettrace(), threading.getprofile()]


def work(fail=False):
    def work():
        if fail:
            raise ValueError("it fails")

    thread = threading.Thread(target=work if not fail else int)
    thread.start()
    thread.join()
    work()


def count(hooks):
    return [hook.calls for hook in hooks]


@pytest.mark.parametrize("fail", [False, True])
def test_a_round_is_seen_by_nobody_and_what_follows_is(hooks, fail):
    order = {"parts": 3, "iterations": 2}
    arguments = lambda: ((fail,), {})  # noqa: E731 - of one part
    if fail:
        with pytest.raises(ValueError, match="it fails"):
            timed_round(FIXTURE, work, arguments, None, order)
    else:
        timed_round(FIXTURE, work, arguments, None, order)
    assert count(hooks) == [0, 0, 0, 0]
    assert installed() == hooks
    work()
    assert min(count(hooks)) > 0


def test_where_nobody_watches_nothing_is_changed(monkeypatch):
    monkeypatch.setattr(sys, "gettrace", lambda: None)
    monkeypatch.setattr(sys, "getprofile", lambda: None)
    for change in ("settrace", "setprofile"):
        monkeypatch.setattr(sys, change, lambda _: pytest.fail("changed"))
    before = installed()
    with paused():
        assert installed() == before


class Monitoring:
    """``sys.monitoring``: tool 1 is coverage's, 2 a profiler that asks for nothing."""

    def __init__(self):
        self.events = {1: 5, 2: 0}
        self.log = []

    def get_tool(self, tool):
        return {1: "coverage", 2: "cProfile"}.get(tool)

    def get_events(self, tool):
        return self.events[tool]

    def set_events(self, tool, events):
        self.log.append((tool, events))
        self.events[tool] = events


def test_monitoring_tools_get_no_events_and_then_their_own_ones_again(monkeypatch):
    tools = Monitoring()
    monkeypatch.setattr(sys, "monitoring", tools, raising=False)
    with pytest.raises(ValueError, match="it fails"), paused():
        assert tools.events == {1: 0, 2: 0}
        raise ValueError("it fails")
    assert tools.log == [(1, 0), (1, 5)]


def test_an_output_file_is_not_opened_by_parsing(tmp_path):
    """As pytest-benchmark before 5.2 does with that of ``--benchmark-json``."""
    path = tmp_path / "out.json"
    path.write_text("results of last week")
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", type=argparse.FileType("wb"))
    parser.add_argument("--input", type=argparse.FileType("r"))
    undo = _open_nothing()
    options = parser.parse_args([f"--json={path}", f"--input={path}"])
    assert options.input.read() == path.read_text() == "results of last week"
    options.json.write(b"lost")
    undo()
    for file in (options.json, options.input):
        file.close()
    parser.parse_args([f"--json={path}"]).json.close()
    assert not path.read_text()


@pytest.mark.parametrize(("seed", "expected"), [("default", 12), ("last", 12), (7, 7)])
def test_both_arms_of_a_pair_draw_the_same_random_numbers(monkeypatch, seed, expected):
    """pytest-randomly's seed is a pair's, unless it is the user's."""
    monkeypatch.setenv("PYTHONHASHSEED", "0000000012")
    config = SimpleNamespace(option=SimpleNamespace(randomly_seed=seed))
    _seed_alike(config)
    assert config.option.randomly_seed == expected


@pytest.mark.parametrize(
    "path", sorted(Path(arm.__file__).parent.glob("*.py")), ids=lambda path: path.stem
)
def test_an_arm_needs_nothing_newer_than_python_3_9(path):
    """Neither syntax, nor a module that another environment may lack."""
    tree = ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 9))
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [each.name for each in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [] if node.level == 1 else [node.module]
        else:
            continue
        tops = {name.partition(".")[0] for name in names}
        assert tops <= sys.stdlib_module_names | {"pytest", "_pytest", "pytest_benchmark"}
