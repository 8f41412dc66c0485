"""``tlbench gate`` on projects of every shape: it times the code that each arm names, or stops."""

import json
import os
import subprocess
import sys

import pytest
from test_arm_builds import PROJECT, needs_compiler

#: A benchmark whose time is what the package ``demo`` says, exactly; each call takes "seconds".
BENCH = """
import demo, pytest

class Clock:
    now = 0.0
    def __call__(self):
        return self.now

CLOCK = Clock()

@pytest.fixture
def benchmark(benchmark):
    benchmark._timer = CLOCK
    return benchmark

def test_demo(benchmark):
    def work():
        CLOCK.now += demo.X
    benchmark(work)
"""


@pytest.fixture
def gate(repo, store, monkeypatch):
    """Run one pair of ``tlbench gate`` where the user stands: its result and the saved pair."""
    monkeypatch.setenv("TLBENCH_CACHE", str(store.parent))
    monkeypatch.setenv("PIP_NO_BUILD_ISOLATION", "0")  # pip's own sense: no isolation
    saved = store.parent.parent / "pairs.json"

    def run(*arguments, cwd=repo, budget="0.01"):
        kept = {key: text for key, text in os.environ.items() if not key.startswith("PYTEST")}
        command = [sys.executable, "-m", "tlbench", "gate", "--budget", budget, "--json"]
        done = subprocess.run(
            [*command, f"--save={saved}", *arguments],
            cwd=cwd, env=kept, capture_output=True, text=True, check=False, timeout=200,
        )  # fmt: skip
        assert saved.is_file(), done.stderr
        (pair,) = json.loads(saved.read_text())["gates"][0]["pairs"]
        return done, pair

    return run


def seconds(pair):
    """What a call took in the base and in the candidate."""
    (rounds,) = pair["benchmarks"].values()
    return {*rounds["base"]}, {*rounds["head"]}


def files(pair, name="demo"):
    return [pair["loaded"][side][name]["file"] for side in ("base", "head")]


@pytest.mark.slow
def test_changes_in_a_sub_folder_are_timed_against_their_commit(repo, commit, gate):
    """A project of a monorepo, in which files were changed, deleted, renamed and added."""
    inner = repo / "packages" / "inner"
    for name, text in {
        "src/demo/__init__.py": "from demo.old import X\n",
        "src/demo/old.py": "X = 2.0\n",
        "src/demo/gone.py": "",
        "bench_demo.py": BENCH,
    }.items():
        (inner / name).parent.mkdir(parents=True, exist_ok=True)
        (inner / name).write_text(text)
    commit("a project")
    (inner / "src" / "demo" / "old.py").rename(inner / "src" / "demo" / "renamed.py")
    (inner / "src" / "demo" / "gone.py").unlink()
    (inner / "src" / "demo" / "added.py").write_text("X = 3.0\n")
    (inner / "src" / "demo" / "__init__.py").write_text("from demo.added import X\n")
    done, pair = gate("--base", "ref=HEAD", "--", "bench_demo.py", cwd=inner)
    assert done.returncode == 3, done.stderr  # one pair decides nothing
    assert seconds(pair) == ({2.0}, {3.0})
    base, head = files(pair)
    assert head == str(inner / "src" / "demo" / "__init__.py")
    assert base.endswith("/packages/inner/src/demo/__init__.py")
    assert len(base) == len(head)
    assert not [note for note in json.loads(done.stdout)["notes"] if "paths" in note]


def test_two_refs_that_import_one_file_are_not_comparable(repo, commit, gate):
    """As where a conftest.py names the user's own checkout; the budget isn't spent on it."""
    (repo / "lib").mkdir()
    (repo / "bench_demo.py").write_text(BENCH)
    (repo / "conftest.py").write_text(f"import sys\nsys.path.insert(0, {str(repo / 'lib')!r})\n")
    for x in ("1.0", "2.0"):
        (repo / "lib" / "demo.py").write_text(f"X = {x}\n")
        commit(x)
    refs = ("--base", "ref=HEAD~1", "--head", "ref=HEAD")
    done, pair = gate(*refs, "--", "bench_demo.py", budget="600")
    assert done.returncode == 4, done.stderr
    (verdict,) = json.loads(done.stdout)["benchmarks"]
    assert verdict["verdict"] == "not comparable"
    assert verdict["reason"].startswith(f"both sides import demo from {repo / 'lib' / 'demo.py'}, ")
    assert files(pair) == [str(repo / "lib" / "demo.py")] * 2
    assert json.loads(done.stdout)["loaded"] == pair["loaded"]


@pytest.mark.slow
def test_two_releases_are_timed_in_the_librarys_own_checkout(repo, commit, gate, wheel):
    (repo / "demo.py").write_text("X = 5.0\n")
    (repo / "bench_demo.py").write_text(BENCH)
    commit("a library of one module")
    releases = [wheel("demo", version, f"X = {version}\n") for version in ("1.0", "2.0")]
    arms = ("--base", f"pip={releases[0]}", "--head", f"pip={releases[1]}")
    done, pair = gate(*arms, "--", "bench_demo.py")
    assert done.returncode == 3, done.stderr
    assert seconds(pair) == ({1.0}, {2.0})
    assert [pair["loaded"][side]["demo"]["version"] for side in ("base", "head")] == ["1.0", "2.0"]


@needs_compiler
@pytest.mark.parametrize(
    "arms",
    [("ref=HEAD", "."), pytest.param(("pip=.", "pip=.,env.A=1"), marks=pytest.mark.slow)],
)
def test_compiled_code_is_timed_in_both_arms(repo, commit, gate, arms):
    """A flat checkout with a slow fallback, and an extension that was built in place."""
    fallback = (
        "try:\n    from demo._speed import work; X = 1.0\nexcept ImportError:\n    X = 80.0\n"
    )
    tests = {"tests/bench_demo.py": BENCH, "tests/__init__.py": ""}
    for name, text in {**PROJECT, "demo/__init__.py": fallback, **tests}.items():
        (repo / name).parent.mkdir(exist_ok=True)
        # pip= brings what a project requires; there is no index.
        (repo / name).write_text(text.replace('"no-such-distribution"', ""))
    commit("a project")
    if arms[0].startswith("ref"):
        build = [sys.executable, "setup.py", "-q", "build_ext", "--inplace"]
        subprocess.run(build, cwd=repo, check=True, capture_output=True)
    done, pair = gate("--base", arms[0], "--head", arms[1], "--", "tests/bench_demo.py")
    assert done.returncode == 3, done.stderr
    assert seconds(pair) == ({1.0}, {1.0})
    for side in ("base", "head"):
        assert pair["loaded"][side]["demo"]["compiled"] == ["demo._speed"]
        assert "site-packages" in pair["loaded"][side]["demo"]["file"]
