"""Instructions per call of both arms: callgrind's files, what can't be counted, real counts."""

import dataclasses
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from two_arms import two_arms

import tlbench.gate.arm.instructions as of_arm
from tlbench.errors import InputError
from tlbench.gate import instructions
from tlbench.gate.instructions import calls_to_count, read_counts
from tlbench.gate.verdict import Instructions
from tlbench.gate.visit import Unanswered

#: As callgrind 3.19 wrote it, without most of its costs.
RECORDED = """# callgrind format
version: 1
creator: callgrind-3.19.0
pid: 14679
cmd:  python cg.py
part: 2


desc: I1 cache:
desc: Timerange: Basic block 5419 - 2349610
desc: Trigger: Client Request: {name}

positions: line
events: Ir
summary: {summary}


ob=(4) /usr/bin/python3.11
fl=(65) ???
fn=(2150) _PyEval_EvalFrameDefault
0 5437016
calls=20 0
0 104

totals: 11793509
"""
VALGRIND = pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind isn't installed")


def test_counts_are_summed_by_the_name_of_their_request():
    texts = [
        RECORDED.format(name="calls", summary=11793298),
        RECORDED.format(name="none", summary=12789),
        RECORDED.format(name="calls", summary=2),
        RECORDED.replace("Client Request: {name}", "Program termination").format(summary=5),
        "",
    ]
    assert read_counts(texts) == {"calls": 11793300, "none": 12789}


@pytest.mark.parametrize(
    ("seconds", "calls"), [(1e-6, 50), (1e-3, 50), (5e-3, 10), (0.05, 1), (0.5, 1)]
)
def test_so_many_calls_are_counted_as_take_some_seconds_and_one_at_least(seconds, calls):
    assert calls_to_count(seconds) == calls


def test_a_call_that_takes_too_long_is_refused_with_how_long():
    with pytest.raises(Unanswered, match=r"a call takes 2 s; .* 200 s, and the limit .* is 60 s"):
        calls_to_count(2.0)


@pytest.mark.parametrize(
    ("platform", "machine", "valgrind", "message"),
    [
        ("darwin", "arm64", "/bin/valgrind", "received darwin on arm64; expected Linux on x86_64"),
        ("linux", "riscv64", "/bin/valgrind", "received linux on riscv64; expected Linux"),
        ("linux", "x86_64", None, "valgrind isn't installed; .* apt-get install valgrind"),
    ],
)
def test_counting_is_refused_with_a_reason(monkeypatch, platform, machine, valgrind, message):
    monkeypatch.setattr(instructions.sys, "platform", platform)
    monkeypatch.setattr(instructions.platform, "machine", lambda: machine)
    monkeypatch.setattr(instructions.shutil, "which", lambda _: valgrind)
    with pytest.raises(InputError, match=message):
        instructions.check_countable()


def test_counting_is_refused_before_any_pair_runs(monkeypatch, tmp_path):
    """As bad input, from the command line, where there is no valgrind."""
    command = [sys.executable, "-m", "tlbench", "gate", "--count", "instructions", "--aa", "1"]
    done = subprocess.run(
        command, cwd=tmp_path, env={"PATH": str(tmp_path)}, capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "valgrind isn't installed" in done.stderr


def test_outside_valgrind_a_request_has_no_answer():
    """The instructions that ask for it do nothing there."""
    request = of_arm.ClientRequests(of_arm.CODE[of_arm.platform.machine()])
    assert request(of_arm.RUNNING_ON_VALGRIND) == 0


def test_both_sides_know_the_same_processors():
    assert set(of_arm.CODE) == set(instructions.PROCESSORS)


@pytest.mark.parametrize(
    ("before", "after", "share"),
    [
        ((1.0, 1.0, 0.0), (3.0, 3.0, 0.0), 0.0),
        ((1.0, 1.0, 0.0), (3.0, 3.01, 0.0), 0.0),  # clocks tick
        ((1.0, 1.0, 0.0), (2.0, 4.0, 0.0), 2 / 3),
        ((1.0, 1.0, 1.0), (2.0, 2.0, 4.0), 3 / 4),
    ],
)
def test_the_share_of_other_threads_and_of_child_processes(before, after, share):
    assert of_arm._others(before, after) == pytest.approx(share)


SUITE = """
import lib

def test_sort(benchmark):
    benchmark.pedantic(sorted, setup=lambda: ((list(range(3000)),), {}))

def test_ends(benchmark):
    benchmark(lib.end)

def test_threads(benchmark):
    benchmark(lib.threads)

def test_loop(benchmark):
    assert benchmark(lib.loop) > 0
"""
LIB = """
import itertools, os, signal, threading

def loop():
    # Nothing is allocated: the cost of that depends on which memory is free.
    for number in itertools.repeat(1, {length}):
        pass
    return number

def threads():
    thread = threading.Thread(target=lambda: sum(range(300_000)))
    thread.start()
    thread.join()

def end():
    os.kill(os.getpid(), signal.SIGILL)
"""


@VALGRIND
@pytest.mark.slow
def test_real_counts_of_two_arms(tmp_path):
    """One takes 20 % more steps; sorting is the same; threads and what dies aren't counted."""
    names = ("sort", "ends", "threads", "loop")
    seconds = {f"test_{name}": (1e-3, 1e-3, 1) for name in names}
    base, candidate = (LIB.format(length=length) for length in (5000, 6000))
    gate, report = two_arms(tmp_path, SUITE, base, candidate, seconds)
    done = instructions.with_instructions(gate, report)
    counts = {each.name.rpartition("_")[2]: each.instructions for each in done.verdicts}
    assert counts["loop"].ratio == pytest.approx(1.2, abs=0.03)
    assert counts["sort"].ratio == pytest.approx(1, abs=0.005)
    # 3,000 comparisons and more, and not those of making the list.
    assert 10_000 < counts["sort"].base < 200_000
    assert counts["threads"] is None
    assert counts["ends"] is None
    ends, threads = sorted(done.notes)
    assert "SIGILL" in ends
    assert "AVX-512" in ends
    assert "test_threads: instructions not counted: other threads or processes do" in threads
    assert done.status == report.status


class FakeVisit:
    """A benchmark that answers as arms do, and writes callgrind's files."""

    def __init__(self, folder, calls, iterations=None, others=0.0):
        self.folder, self.calls, self.others = folder, calls, others
        self.ready = {"base": {"iterations": iterations}, "head": {"iterations": iterations}}

    def ask(self, *sides, **order):
        self.order = order
        for number, key in enumerate(sides):
            for part in range(order["parts"]):
                count = 100 + self.calls[key] * order["iterations"]
                self.write(number, f"{part}", "calls", count)
            self.write(number, "n", "none", 100)
        return {key: {"pid": number, "others": self.others} for number, key in enumerate(sides)}

    def write(self, pid, part, name, count):
        text = RECORDED.format(name=name, summary=count)
        Path(self.folder, f"{pid}.{part}").write_text(text)


@pytest.fixture
def counter(tmp_path):
    """For a benchmark of 1 ms."""
    (tmp_path / "arms").mkdir()
    gate, _ = two_arms(tmp_path / "arms", "", "", "", {"a": (1e-3, 1e-3, 1)})
    (tmp_path / "counts").mkdir()
    return instructions._Counter(gate, tmp_path / "counts", float("inf"))


@pytest.mark.parametrize("iterations", [None, 1, 20])
def test_counts_are_per_call_without_what_counting_itself_takes(counter, iterations):
    one = FakeVisit(counter.folder, {"base": 1000, "head": 1041}, iterations)
    assert counter.ask("bench_it.py::a", one) == Instructions(1000, 1041)
    assert one.order["parts"] == {None: 1, 1: 8, 20: 3}[iterations]
    assert list(counter.folder.iterdir()) == []


def test_what_other_threads_work_on_is_not_counted(counter):
    one = FakeVisit(counter.folder, {"base": 1000, "head": 1041}, others=0.37)
    with pytest.raises(Unanswered, match="other threads or processes do 37 % of its work"):
        counter.ask("bench_it.py::a", one)


def test_no_benchmark_is_begun_after_the_time_limit(counter):
    late = dataclasses.replace(counter, deadline=0.0)
    with pytest.raises(Unanswered, match="the time limit of 300 s is reached"):
        late.ask("bench_it.py::a", None)


def test_without_files_nothing_is_counted(counter):
    one = FakeVisit(counter.folder, {"base": 1, "head": 1})
    one.write = lambda *_: None
    with pytest.raises(Unanswered, match="callgrind wrote no count"):
        counter.ask("bench_it.py::a", one)
