"""``tlbench bisect`` in a repository, with real processes and a clock that is the benchmark's."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from tlbench.cli.main import main

#: Its time passes only when work is done, so that every ratio is exact.
BENCHMARKS = """
from work import COST, CLOCK

def work():
    CLOCK.now += COST

def test_work(benchmark):
    benchmark._timer = CLOCK
    benchmark(work)

def test_other(benchmark):
    benchmark._timer = CLOCK
    benchmark(lambda: setattr(CLOCK, "now", CLOCK.now + 1))
"""
WORK = """
class Clock:
    now = 0.0
    def __call__(self):
        return self.now

CLOCK, COST = Clock(), {cost}
"""


@pytest.fixture
def shas(repo, commit):
    """Commits of which the second is 30 % slower, after one that was fast."""
    (repo / "bench_work.py").write_text(BENCHMARKS)
    found = []
    for number, cost in enumerate([1.0, 1.3, 1.3]):
        (repo / "work.py").write_text(WORK.format(cost=cost) + f"# {number}\n")
        found.append(commit(f"cost {cost}, commit {number}"))
    return found


@pytest.mark.slow
def test_it_names_the_commit_and_how_much_slower_it_is(repo, shas, tmp_path):
    kept = {key: text for key, text in os.environ.items() if not key.startswith("PYTEST")}
    environ = kept | {"TLBENCH_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "tlbench", "bisect", "--good", shas[0][:12], "--json"]
    done = subprocess.run(
        [*command, "--", "bench_work.py"], cwd=repo, env=environ, capture_output=True, text=True,
        check=False, timeout=150,
    )  # fmt: skip
    assert done.returncode == 1, done.stderr
    result = json.loads(done.stdout)
    (culprit,) = result["culprits"]
    assert culprit["benchmark"] == "bench_work.py::test_work"
    assert [each["sha"] for each in culprit["commits"]] == [shas[1]]
    assert culprit["commits"][0]["subject"] == "cost 1.3, commit 1"
    assert culprit["step"]["estimate"]["ratio"] == pytest.approx(1.3)
    first, *steps = done.stderr.splitlines()
    assert first == f"gate 1: {shas[2][:10]} against {shas[0][:10]}, 2 commits later"
    assert len(steps) == result["gates"] - 1
    assert steps[-1].startswith("gate 2 (2 commits left): ")
    # The other benchmark, which is as fast, is timed in the first gate only; worktrees are gone.
    assert [each["name"] for each in result["whole"]["benchmarks"]] == [
        "bench_work.py::test_work", "bench_work.py::test_other",
    ]  # fmt: skip
    worktrees = ["git", "-C", str(repo), "worktree", "list"]
    assert len(subprocess.check_output(worktrees, text=True).splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "Missing option '--good'"),
        (("--good", "HEAD"), "expected two"),
        (("--good", "nothing"), "--good nothing: no such commit"),
        (("--good", "first", "--arm", "ref=main"), "ref= is given twice"),
        (("--good", "first", "--arm", "pipe=."), "pipe"),
        (("--good", "first", "--tolerance", "5"), "expected a share"),
    ],
)
def test_bad_input_is_an_error_before_anything_is_run(repo, monkeypatch, arguments, says):
    monkeypatch.chdir(repo)
    done = CliRunner().invoke(main, ["bisect", *arguments, "--", "bench_work.py"])
    assert done.exit_code == 2
    assert says in done.output
