"""Benchmarks that do what they shouldn't, in real processes: the others are judged."""

import json
import subprocess

import pytest
from click.testing import CliRunner

from tlbench.cli.main import main
from tlbench.gate import arm_process

#: Each benchmark does its case's deed, at its place, in the process with ``ODD``. All calls take a
#: second of a clock that only they move, so that no ratio depends on the machine.
SUITE = """
import ctypes, os, signal, sys, time
import pytest

CASES = {cases!r}

class Clock:
    now = 0.0
    def __call__(self):
        return self.now

CLOCK = Clock()

def work():
    CLOCK.now += 1

def do(deed):
    if "ODD" not in os.environ:
        return
    if deed == "raise":
        raise ValueError("first line\\nsecond line")
    if deed == "assert":
        assert work() == 1, "wrong"
    if deed == "skip":
        pytest.skip("not here")
    if deed == "quit":
        sys.exit(3)
    if deed == "stop":
        pytest.exit("enough")
    if deed == "end":
        os._exit(7)
    if deed == "crash":
        if os.fork() == 0:  # it has the pipes, and outlives its parent
            time.sleep(20)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGSEGV)
    while deed == "hang":
        pass

@pytest.fixture
def benchmark(benchmark):
    benchmark._timer = CLOCK
    return benchmark

@pytest.fixture
def prepared(request):
    deed, _, place = request.param.partition(" in ")
    if place == "fixture":
        do(deed)
    yield deed, place
    if place == "finalizer":
        do(deed)

@pytest.mark.parametrize("prepared", CASES, indirect=True, ids=lambda case: case)
def test_odd(benchmark, prepared):
    deed, place = prepared
    calls = []
    def at(here):
        calls.append(here)
        if place == here or (place == "later" and calls.count("call") == 2):
            do(deed)
    def call():
        at("call")
        work()
    benchmark.pedantic(call, setup=lambda: at("setup"), teardown=lambda: at("teardown"))
    if place == "end":
        do(deed)

@pytest.mark.timeout(2, method="signal")
def test_signal(benchmark):
    benchmark(lambda: (work(), do("hang")))

@pytest.mark.timeout(2, method="thread")
def test_thread(benchmark):
    benchmark(lambda: (work(), do("hang")))

def test_expects(benchmark):
    numbers = iter(range(3))
    with pytest.raises(StopIteration):
        benchmark(next, numbers)
    assert next(numbers, None) is None

def test_last(benchmark):
    benchmark.extra_info.update({{(1, 2): 3, "odd": {{1: object(), (2, 3): 4}}}})
    benchmark(work)
"""
#: A file that can't be imported with ``ODD``, and one that always can.
BROKEN = """
import os
import pytest

if "ODD" in os.environ:
    {deed}

def test_broken(benchmark):
    benchmark(list)
"""
FINE = """
def test_fine(benchmark):
    benchmark(list)
"""
#: What is said of each case, and of files whose import does this.
RAISES = "raises in the candidate: {}"
CASES = {
    "raise in fixture": RAISES.format("ValueError: first line"),
    "raise in setup": RAISES.format("ValueError: first line"),
    "raise in call": RAISES.format("ValueError: first line"),
    "raise in later": RAISES.format("ValueError: first line"),
    "raise in teardown": RAISES.format("ValueError: first line"),
    "raise in finalizer": RAISES.format("ValueError: first line"),
    "assert in end": RAISES.format("AssertionError: wrong"),
    "quit in call": RAISES.format("SystemExit: 3"),
    "stop in call": RAISES.format("Exit: enough"),
    "end in finalizer": "the candidate's process ended with exit code 7",
    "crash in call": "the candidate's process was ended by SIGSEGV",
    "hang in call": "doesn't end in the candidate: stopped after 4 s",
    "skip in call": "skipped in the candidate only: Skipped: not here",
}
IMPORTS = {
    "import no_such_module": "ModuleNotFoundError: No module named 'no_such_module'",
    "exec('x = = 1')": "SyntaxError: invalid syntax (<string>, line 1)",
    "raise SystemExit(3)": "SystemExit: 3",
    "os._exit(3)": "the process ended with exit code 3",
    "pytest.fail('no')": "Failed: no",
}


@pytest.fixture
def gate(tmp_path, monkeypatch):
    """Run ``tlbench gate`` of one pair in a folder; returns the result and the report."""
    monkeypatch.setattr(arm_process, "LEAST_ROUND_S", 4.0)
    monkeypatch.setenv("TLBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)

    def run(folder, *arguments):
        monkeypatch.chdir(folder)
        done = CliRunner().invoke(main, ["gate", "--json", "--budget=0.01", *arguments])
        report = json.loads(done.stdout or "{}")
        # One pair is too few for a verdict, as a note says.
        notes = [each for each in report.get("notes", []) if "budget is too short" not in each]
        return done, {**report, "notes": notes}

    return run


def found(report):
    return {each["name"]: (each["verdict"], each["reason"]) for each in report["benchmarks"]}


@pytest.mark.slow
def test_each_odd_benchmark_has_its_verdict_and_the_others_are_judged(gate, tmp_path):
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "bench_a.py").write_text(SUITE.format(cases=list(CASES)))
    done, report = gate(folder, "--head", "env.ODD=1", "--", "bench_a.py")
    assert done.exit_code == 1, done.output
    verdicts = {name.partition("::")[2]: verdict for name, verdict in found(report).items()}
    timed = verdicts.pop("test_last")
    assert timed == ("inconclusive", "only 1 process pair: at least 6 are needed")
    for name, method in (
        ("test_signal", RAISES.format("Failed: Timeout (>2.0s)")),
        ("test_thread", "the candidate's process was ended by pytest-timeout"),
    ):
        status, reason = verdicts.pop(name)
        assert (status, reason[: len(method)]) == ("fail", method)
    assert verdicts == {
        f"test_odd[{case}]": ("not comparable" if case.startswith("skip") else "fail", reason)
        for case, reason in CASES.items()
    }
    assert report["notes"] == [
        "bench_a.py::test_expects: raises in both sides, as its test expects; not timed"
    ]


def write(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return folder


ONE_PAIR = ("inconclusive", "only 1 process pair: at least 6 are needed")


def test_a_file_that_one_side_cannot_import_is_judged_alone(gate, tmp_path):
    files = {f"bench_f{i}": BROKEN.format(deed=deed) for i, deed in enumerate(IMPORTS)}
    folder = write(
        tmp_path / "imports", **files, bench_fine=FINE, bench_never="import no_such_module"
    )
    names = ["bench_fine.py", "bench_never.py", *(f"{name}.py" for name in files)]
    names[-1] += "::test_broken"  # pytest itself says that it finds no such test
    odd = {
        f"bench_f{i}.py::test_broken": f"import error in the candidate: {error}"
        for i, error in enumerate(IMPORTS.values())
    }
    done, report = gate(folder, "--head", "env.ODD=1", "--", *names)
    assert done.exit_code == 1, done.output
    verdicts = found(report)
    assert verdicts.pop("bench_fine.py::test_fine") == ONE_PAIR
    assert verdicts.pop("bench_never.py") == (
        "not comparable",
        "import error in both sides: ModuleNotFoundError: No module named 'no_such_module'",
    )
    assert verdicts == {name: ("fail", reason) for name, reason in odd.items()}
    assert report["notes"] == []


def git(folder, *arguments):
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.org")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repo(tmp_path):
    """A repository; what isn't in its commit is new."""
    folder = write(tmp_path / "repo", bench_fine=FINE, bench_gone=FINE)
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "as it was")
    (folder / "bench_gone.py").unlink()
    write(folder, bench_fine=FINE + FINE.replace("fine", "more"), bench_new=FINE)
    write(folder / "sub", test_inner=FINE)
    return folder


@pytest.mark.parametrize(
    "arguments",
    [
        ("bench_new.py", "sub", "bench_fine.py::test_more"),
        ("{repo}/bench_new.py", "{repo}/sub", "{repo}/bench_fine.py::test_more"),
    ],
    ids=["relative", "absolute"],
)
def test_what_only_the_candidate_has_is_new_and_passes(gate, repo, arguments):
    arguments = (each.format(repo=repo) for each in arguments)
    done, report = gate(repo, "--base", "ref=HEAD", "--", *arguments)
    assert done.exit_code == 0, done.output
    assert report["benchmarks"] == []
    assert report["notes"] == [
        f"{name}: new, only the candidate has it"
        for name in ("bench_new.py::test_fine", "sub/test_inner.py::test_fine",
                     "bench_fine.py::test_more")
    ]  # fmt: skip


def test_where_only_some_are_missing_the_rest_is_judged(gate, repo):
    """Also with absolute paths, from a folder that only the candidate has."""
    files = [f"{repo}/{name}" for name in ("bench_fine.py", "bench_new.py", "bench_gone.py")]
    done, report = gate(
        repo / "sub", "--base", "ref=HEAD", "--", f"--rootdir={repo}", *files, "test_inner.py"
    )
    assert done.exit_code == 4, done.output
    assert found(report) == {
        "bench_fine.py::test_fine": ONE_PAIR,
        "bench_gone.py::test_fine": ("not comparable", "vanished: only the base has it"),
    }
    assert len(report["notes"]) == 3


def test_what_neither_side_has_is_bad_input(gate, repo):
    files = ("bench_fine.py::test_none", f"{repo}/bench_no.py")
    done, _ = gate(repo, "--base", "ref=HEAD", "--", *files)
    assert done.exit_code == 2, done.output
    assert "bench_no.py, bench_fine.py::test_none: neither side has it" in done.stderr


def test_a_broken_conftest_ends_the_gate_with_what_pytest_says(gate, repo):
    (repo / "conftest.py").write_text("import no_such_module")
    done, _ = gate(repo, "--base", "ref=HEAD", "--", "bench_fine.py")
    assert done.exit_code == 4
    assert "ModuleNotFoundError: No module named 'no_such_module'" in done.stderr
