"""After the pairs, benchmarks that became slower are profiled in real processes of both arms."""

import dataclasses
import subprocess
import sys
from contextlib import contextmanager

import pytest
from two_arms import SLOWER, two_arms

from tlbench.gate import profile
from tlbench.gate.arm_process import ArmDied
from tlbench.gate.pair_result import PairedRounds
from tlbench.gate.profile_growth import ProfileChange
from tlbench.gate.verdict import Report, Verdict

SUITE = """
import lib

def test_work(benchmark):
    benchmark.pedantic(lib.work, setup=lib.prepare, rounds=3)

def test_raises(benchmark):
    benchmark(lib.maybe)
"""
#: ``parse`` does more in the candidate; ``prepare``, which isn't timed, much more.
LIB = """
def prepare():
    for i in range({untimed}):
        pass
    return ((100,), {{}})

def parse(n):
    total = 0
    for i in range(n * {factor}):
        total += i * i
    return total

def other(n):
    total = 0
    for i in range(n):
        total += i * i
    return total

def work(n):
    return parse(n) + other(20 * n)

def maybe():
    if {raises}:
        raise ValueError("not today")
"""


@pytest.fixture
def arms(tmp_path):
    """Both arms, ``parse`` taking 1 of 21 parts of a call in the base and 40 of 60 in the other."""
    base = LIB.format(untimed=0, factor=1, raises=False)
    candidate = LIB.format(untimed=5000, factor=40, raises=True)
    seconds = {"test_work": (1e-4, 3e-4, 1), "test_raises": (1e-6, 2e-6, 9)}
    return two_arms(tmp_path, SUITE, base, candidate, seconds)


@pytest.mark.parametrize("tool", ["py-spy", "cProfile"])
def test_the_function_that_became_slower_is_named_first(arms, monkeypatch, tool):
    monkeypatch.setattr(profile, "PROFILE_S", 1.0)
    if tool == "cProfile":
        monkeypatch.setattr(profile, "sampler", lambda: None)
    elif not attachable():
        pytest.skip("py-spy can't look into a process here")
    report = profile.with_profiles(*arms)
    work, raises = report.verdicts
    assert work.profile.tool == tool, report.notes
    worst = work.profile.functions[0]
    assert (worst.name, worst.file, worst.line) == ("parse", "lib.py", 7)
    assert worst.base < 0.15
    assert worst.candidate == pytest.approx(2 / 3, abs=0.15)
    assert worst.seconds == pytest.approx(2e-4, rel=0.3)
    assert "prepare" not in {each.name for each in work.profile.functions}
    # That one benchmark can't be profiled is said, and changes nothing.
    assert raises == arms[1].verdicts[1]
    failed, *fallback = report.notes
    assert failed == (
        "bench_it.py::test_raises: not profiled: in the candidate: ValueError: not today"
    )
    why = f"profiled by cProfile, because py-spy {profile.MISSING}"
    assert fallback == ([why] if tool == "cProfile" else [])
    assert report.status == arms[1].status


def attachable():
    """Whether py-spy may look into a child of this process."""
    command = [profile.sampler(), "dump", "--pid"]
    child = subprocess.Popen(
        [sys.executable, "-c", "print(flush=True); input()"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    child.stdout.readline()
    try:
        seen = subprocess.run([*command, str(child.pid)], capture_output=True, check=False)
        return seen.returncode == 0
    finally:
        child.communicate(b"\n")


def test_where_py_spy_cannot_attach_cprofile_is_used_and_the_report_says_why(arms, monkeypatch):
    """The process that py-spy is given doesn't exist."""
    monkeypatch.setattr(profile, "PROFILE_S", 0.2)
    real = profile.sampling
    monkeypatch.setattr(profile, "sampling", lambda pid, file: real(2**22 + 1, file))
    report = profile.with_profiles(*arms)
    assert report.verdicts[0].profile.tool == "cProfile"
    assert report.verdicts[0].profile.functions[0].name == "parse"
    assert report.notes[-1].startswith(
        "profiled by cProfile, because py-spy can't trace the arm's process: "
    )


class FakeGate:
    """Its processes can't be started."""

    pairs = ()

    def __init__(self, error):
        self.error, self.said = error, []
        self.say = self.said.append

    @contextmanager
    def processes(self, scratch, environ, fatal):
        raise self.error
        yield


def verdict(name, ratio, status="fail", **more):
    return Verdict(name, status, "", 0.05, dataclasses.replace(SLOWER, ratio=ratio), **more)


def test_only_fails_by_speed_are_profiled():
    report = Report(
        "base",
        "head",
        (
            verdict("passed", 1.3, "pass"),
            verdict("open", 1.3, "inconclusive"),
            verdict("less accurate", 1.0, accuracy_lost=True),
            Verdict("raises", "fail", "ValueError"),
        ),
    )
    gate = FakeGate(AssertionError("nothing is to be started"))
    assert profile.with_profiles(gate, report) is report
    assert gate.said == []


def test_the_three_largest_slowdowns_are_profiled_and_others_are_named(monkeypatch):
    asked = []

    def ask_all(start, names, ask, failure):
        asked.extend(names)
        return dict.fromkeys(names, ProfileChange("py-spy", ())), []

    monkeypatch.setattr(profile, "ask_all", ask_all)
    ratios = {"a": 1.2, "b": 1.5, "c": 1.3, "d": 1.1, "e": 9.0}
    report = Report("base", "head", tuple(verdict(*each) for each in ratios.items()))
    done = profile.with_profiles(FakeGate(None), report)
    assert asked == ["e", "b", "c"]
    assert [each.name for each in done.verdicts if each.profile] == ["b", "c", "e"]
    assert done.notes == ("not profiled, because only the 3 largest slowdowns are: a, d",)


@pytest.mark.parametrize(
    ("error", "note"),
    [
        (ArmDied("base: pytest ended early:\nmore"), "base: pytest ended early:"),
        (OSError("no memory"), "no memory"),
        (KeyboardInterrupt(), "interrupted"),
    ],
)
def test_a_profile_that_fails_is_a_note_in_one_line(error, note):
    report = Report("base", "head", (verdict("a", 1.2),), 1.0, ("before",))
    done = profile.with_profiles(FakeGate(error), report)
    assert done == dataclasses.replace(report, notes=("before", f"not profiled: {note}"))


def test_a_call_that_takes_minutes_is_not_profiled(arms):
    gate, _ = arms
    gate.pairs[0].benchmarks["a"] = PairedRounds([10.0], [61.0])
    with pytest.raises(profile.Unanswered, match="a call takes 61 s"):
        profile._Profiler(gate).ask("a", None)
