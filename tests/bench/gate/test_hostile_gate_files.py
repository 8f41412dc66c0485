"""What a gate reads is read within limits, and what is wrong with it is one line."""

import copy
import json
import math
import os

import pytest
from click.testing import CliRunner

from tlbench.cli.main import main
from tlbench.gate import baseline as baseline_module
from tlbench.gate.baseline import Baseline, BaselineError, read_baseline, write_baseline
from tlbench.gate.pair_result import Journal, JournalError

NAME = "bench_sort.py::test_sort"
DEEP = "[" * 5000 + "]" * 5000


def with_seconds(whole, seconds):
    """A baseline in which a run has other rounds."""
    whole = copy.deepcopy(whole)
    whole["runs"][1]["benchmarks"][0]["stats"]["data"] = seconds
    return whole


#: What a baseline's file may hold, made from a good one.
BAD_BASELINES = {
    "not UTF-8": lambda whole: b"\xff" + json.dumps(whole).encode(),
    "nested deep": lambda whole: DEEP,
    "nested deep inside": lambda whole: json.dumps(whole)[:-1] + f', "x": {DEEP}}}',
    "half a surrogate pair": lambda whole: whole | {"command": ["\ud800"]},
    "an integer of 400 digits": lambda whole: with_seconds(whole, [10**400]),
    "an integer of 30 digits": lambda whole: with_seconds(whole, [10**30]),
    "a time too short": lambda whole: with_seconds(whole, [1e-320]),
    "a time too long": lambda whole: with_seconds(whole, [1e300]),
    "a time below 0": lambda whole: with_seconds(whole, [-1.0, 1.0, 1.0]),
    "an infinite time": lambda whole: with_seconds(whole, [1.0, math.inf]),
    "no time": lambda whole: with_seconds(whole, []),
    "a time that is true": lambda whole: with_seconds(whole, [True]),
}


def write(path, content):
    text = content if isinstance(content, str | bytes) else json.dumps(content)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


@pytest.fixture
def path(tmp_path, make_run):
    """A good baseline's file."""
    runs = tuple(make_run({NAME: [0.1, 0.2, 0.3]}) for _ in range(3))
    write_baseline(tmp_path / "b.json", Baseline((), runs))
    return tmp_path / "b.json"


@pytest.mark.parametrize("case", BAD_BASELINES)
def test_a_bad_baseline_is_refused_in_one_line(path, case):
    write(path, BAD_BASELINES[case](json.loads(path.read_text())))
    with pytest.raises(BaselineError) as error:
        read_baseline(path)
    message = str(error.value)
    assert message.startswith(f"{path}: ")
    assert message.isprintable()
    assert len(message) < 400 + len(str(path))


@pytest.mark.skipif(os.name == "nt", reason="Windows has other kinds of files")
@pytest.mark.parametrize("kind", ["a pipe", "a device or socket", "a folder", "too large"])
def test_a_baseline_that_is_no_file_is_refused_and_not_waited_for(path, kind, monkeypatch):
    content = path.read_bytes()
    path.unlink()
    make = {
        "a pipe": lambda: os.mkfifo(path),
        "a device or socket": lambda: path.symlink_to("/dev/zero"),
        "a folder": path.mkdir,
        "too large": lambda: path.write_bytes(content),
    }
    make[kind]()
    monkeypatch.setattr(baseline_module, "MOST_BASELINE", 100)
    with pytest.raises(BaselineError, match=r"expected (a regular file|at most 0 MB)"):
        read_baseline(path)


def test_copies_of_a_run_are_one_run(path, make_run):
    runs = [make_run({NAME: [0.1]}) | {"datetime": f"2026-11-0{day}"} for day in (1, 2, 2, 2)]
    write_baseline(path, Baseline((), tuple(runs)))
    found = read_baseline(path)
    assert [run["datetime"] for run in found.runs] == ["2026-11-01", "2026-11-02"]
    assert found.copies == 2


def test_a_gate_by_copies_of_one_run_says_so(pytester, make_run):
    run = make_run({NAME: [0.1]}) | {"datetime": "2026-11-01"}
    write_baseline(pytester.path / "b.json", Baseline((), (run,) * 6))
    with pytest.raises(pytest.UsageError, match=r"1 run\(s\) and 5 that are copies, expected at"):
        pytester.parseconfigure("--gate=b.json")


def test_adding_to_a_baseline_of_copies_says_how_many_were_left_out(
    path, make_run, monkeypatch, tmp_path
):
    run = make_run({NAME: [0.1]}) | {"datetime": "2026-11-01"}
    write_baseline(path, Baseline((), (run, run)))
    new = make_run({NAME: [0.2]}) | {"datetime": "2026-11-02"}
    monkeypatch.setattr("tlbench.cli.baseline._measured", lambda _: new)
    done = CliRunner().invoke(main, ["baseline", "--add", "--runs=1", "-o", str(path), "--", "x"])
    assert done.exit_code == 0, done.output
    assert "1 copy of runs left out" in done.stderr
    assert len(read_baseline(path).runs) == 2


#: Lines of a journal: a pair in which one thing is wrong.
PAIR = {
    "head_first": True,
    "benchmarks": {NAME: {"base": [1.0], "head": [1.0], "outcomes": {}}},
    "seconds": 1.0,
}
BAD_PAIRS = {
    "nested deep": DEEP,
    "an integer of 400 digits": PAIR | {"seconds": 10**400},
    "no number": PAIR | {"seconds": math.nan},
    "a time of 0": PAIR | {"benchmarks": {NAME: {"base": [0.0], "head": [1.0]}}},
    "a time too short": PAIR | {"benchmarks": {NAME: {"base": [1e-320], "head": [1.0]}}},
    "a time too long": PAIR | {"benchmarks": {NAME: {"base": [1.0], "head": [1e300]}}},
    "an infinite time": PAIR | {"benchmarks": {NAME: {"base": [1.0], "head": [math.inf]}}},
    "turns of one side": PAIR | {"benchmarks": {NAME: {"base": [1.0, 2.0], "head": [1.0]}}},
    "no calls": PAIR | {"benchmarks": {NAME: {"base": [], "head": [], "iterations": 0}}},
    "not UTF-8": b'"\xff"',
}


@pytest.mark.parametrize("case", BAD_PAIRS)
def test_a_bad_journal_is_refused_in_one_line(tmp_path, case):
    journal = Journal.of(tmp_path, {"base": "main"})
    journal.start()
    write(tmp_path / "line", BAD_PAIRS[case])
    line = (tmp_path / "line").read_bytes() + b"\n"
    journal.path.write_bytes(journal.path.read_bytes() + line)
    with pytest.raises(JournalError, match=r"can't be resumed .*; delete it to start over"):
        journal.resume()


def test_a_good_pair_is_resumed(tmp_path):
    journal = Journal.of(tmp_path, {"base": "main"})
    journal.start()
    journal.path.write_text(journal.path.read_text() + json.dumps(PAIR) + "\n")
    assert len(journal.resume()) == 1


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such pipes")
def test_a_pipe_in_place_of_a_journal_is_not_waited_for(tmp_path):
    journal = Journal.of(tmp_path, {"base": "main"})
    os.mkfifo(journal.path)
    with pytest.raises(JournalError, match="a pipe; expected a regular file"):
        journal.resume()
