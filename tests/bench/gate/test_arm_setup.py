"""Arms are ready to run, differ in what was asked for and in nothing else."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tlbench.gate.arm_setup import FILLER, ready_arm, size
from tlbench.gate.arms import ArmError, parse_arm
from tlbench.suite.arm_options import ARM_OPTIONS


@pytest.fixture
def ready(repo, store):
    """Prepare an arm of the repository."""

    def make(text, name="base", cwd=repo):
        return ready_arm(parse_arm(text, ARM_OPTIONS), name, cwd=cwd, store=store)

    return make


def test_the_present_state_is_what_it_is(ready, repo, git):
    with ready("") as arm:
        assert (arm.label, arm.folder, arm.options) == ("the working tree", repo, ())
        assert arm.python == Path(sys.executable)
        assert arm.identity["commit"] == git("rev-parse", "HEAD")


def test_everything_that_was_asked_for_is_there(ready, git, repo):
    text = "ref=first,env.TLBENCH_A=b,engine=litert,image-size=96,workload=quick"
    with ready(text, cwd=repo / "sub") as arm:
        assert arm.label == text
        assert arm.folder.name == "sub"
        assert (arm.folder.parent / "file.txt").read_text() == "old"
        assert arm.environ["TLBENCH_A"] == "b"
        assert arm.options == ("--engine=litert", "--image-size=96", "--workload=quick")
        assert arm.identity["commit"] == git("rev-parse", "first")
        assert json.loads(json.dumps(arm.identity)) == arm.identity


@pytest.mark.parametrize(
    ("base", "head"),
    [
        ("", "ref=first"),
        ("", "env.A_LONG_NAME=with a long value"),
        ("env.HOME=/", "ref=first,env.X=ä,env.Y=2"),
        ("env.PYTHONPATH=/some/folder", "."),
    ],
)
def test_both_environments_have_one_size(ready, base, head):
    with ready(base) as first, ready(head, "head") as second:
        assert size(first.environ) == size(second.environ) == size(os.environ) + 4096
        differ = {
            key
            for key in first.environ.keys() | second.environ.keys()
            if first.environ.get(key) != second.environ.get(key)
        }
        asked = {key for key, _ in parse_arm(f"{base},{head}".strip(",."), ARM_OPTIONS).env}
        assert differ <= asked | {"PYTHONPATH", FILLER}


def test_an_environment_beyond_the_room_is_still_made(ready):
    with ready(f"env.A={'x' * 5000}") as arm:
        assert size(arm.environ) == size(os.environ) + 2 * 4096


def test_worktrees_of_both_arms_have_paths_of_one_length(ready):
    with ready("ref=first") as base, ready("ref=main", "head") as head:
        assert len(str(base.folder)) == len(str(head.folder))
        assert base.folder.name == "base"
        assert head.folder.name == "head"


@pytest.mark.parametrize("layout", ["", "src"])
def test_an_arm_imports_its_own_checkout(ready, repo, commit, monkeypatch, layout):
    """Even where another, such as one that is installed editable, is on the path already."""
    (repo / layout).mkdir(exist_ok=True)
    for text in ("one", "two"):
        (repo / layout / "mine.py").write_text(f"x = {text!r}")
        commit(text)
    monkeypatch.setenv("PYTHONPATH", str(repo / layout))
    command = ["-c", "import mine; print(mine.x)"]
    for ref, text in (("ref=main~1", "one"), ("ref=main", "two"), ("", "two")):
        with ready(ref) as arm:
            done = subprocess.run(
                [arm.python, *command],
                cwd=os.sep,
                env=arm.environ,
                check=True,
                capture_output=True,
                text=True,
            )
        assert done.stdout == f"{text}\n"


def test_a_hooks_variables_do_not_reach_the_arms(ready, repo, monkeypatch):
    monkeypatch.setenv("GIT_DIR", str(repo / ".git"))
    with ready("ref=first") as arm:
        assert "GIT_DIR" not in arm.environ


def test_an_identity_is_of_what_is_compared_and_not_of_its_name(ready, repo, git):
    with ready("ref=main") as first, ready(f"ref={git('rev-parse', 'main')}", "head") as second:
        assert first.identity == second.identity
    with ready("") as clean:
        assert clean.identity == first.identity
    with ready("env.A=1,env.B=2") as one, ready("env.B=2,env.A=1") as other:
        assert one.identity == other.identity


@pytest.mark.parametrize("text", ["ref=first", "env.A=1", "threads=1", "workload=full"])
def test_what_differs_has_another_identity(ready, text):
    with ready("") as base, ready(text, "head") as head:
        assert base.identity != head.identity


def test_a_change_or_another_folder_is_another_identity(ready, repo):
    with ready("") as clean, ready("", cwd=repo / "sub") as sub:
        assert clean.identity != sub.identity
    (repo / "file.txt").write_text("changed")
    with ready("") as changed:
        assert changed.identity != clean.identity


@pytest.mark.slow
def test_requirements_lie_over_an_environment_that_has_pytest(ready, wheel):
    path = wheel("pkg", "2.0", "x = 'above'")
    with ready(f"ref=first,pip={path}") as arm:
        done = subprocess.run(
            [arm.python, "-c", "import pytest, pytest_benchmark, pkg; print(pkg.x)"],
            env=arm.environ,
            check=True,
            capture_output=True,
            text=True,
        )
        assert done.stdout == "above\n"
        assert arm.identity["installed"] == "pkg==2.0"
        assert arm.identity["requirements"] == json.dumps([str(path)])


def test_an_environment_without_pytest_is_refused_and_the_worktree_goes(ready, bare, store, git):
    with (
        pytest.raises(ArmError, match="lacks pytest and pytest-benchmark; install with: "),
        ready(f"ref=first,python={bare[0]}"),
    ):
        pass
    assert list((store / "trees").iterdir()) == []
    assert len(git("worktree", "list").splitlines()) == 1


def test_requirements_that_fail_leave_no_worktree(ready, store):
    with pytest.raises(ArmError, match="no file or folder"), ready("ref=first,pip=./no-such"):
        pass
    assert list((store / "trees").iterdir()) == []


def test_what_is_installed_editable_is_imported_from_the_arm(ready, repo, commit, bare):
    """As of a project whose package lies in a folder of its own, such as ``lib``."""
    (repo / "lib").mkdir()
    (repo / "lib" / "pkg.py").write_text("x = 'old'")
    old = commit("a package")
    (repo / "lib" / "pkg.py").write_text("x = 'new'")
    python, site = bare
    (site / "pkg.pth").write_text(f"{repo / 'lib'}\n")
    for name in ("pytest", "pytest_benchmark"):
        (site / f"{name}.py").write_text("")
    for arm, x in ((f"ref={old},python={python}", "old"), (f"python={python}", "new")):
        with ready(arm) as made:
            command = [made.python, "-c", "import pkg; print(pkg.x)"]
            done = subprocess.run(
                command, env=made.environ, capture_output=True, text=True, check=False
            )
        assert done.stdout == f"{x}\n", done.stderr
