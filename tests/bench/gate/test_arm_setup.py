"""Arms are ready to run, differ in what was asked for and in nothing else."""

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tlbench.gate.arm_setup import FILLER, OVERHEAD, ready_arms, size
from tlbench.gate.arms import ArmError, parse_arm
from tlbench.suite.arm_options import ARM_OPTIONS


@pytest.fixture
def both(repo, store):
    """Prepare two arms of the repository."""

    def make(*texts, cwd=repo):
        arms = [parse_arm(text, ARM_OPTIONS) for text in texts]
        return ready_arms(*arms, cwd=cwd, store=store)

    return make


@pytest.fixture
def ready(both):
    """Prepare one arm; the other is the same."""

    @contextlib.contextmanager
    def make(text, **where):
        with both(text, text, **where) as (arm, _):
            yield arm

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
        ("engine=litert,image-size=96", "."),
        ("env.PYTHONPATH=/some/folder", "."),
    ],
)
def test_both_environments_take_as_much_of_the_stack(both, base, head):
    """With the interpreter's path, which is there twice, and the arm's options."""
    with both(base, head) as (first, second):
        for arm in (first, second):
            arguments = [str(arm.python), str(arm.python), *arm.options]
            used = sum(len(each) + OVERHEAD - 1 for each in arguments)
            assert size(arm.environ) + used == size(os.environ) + 4096
        differ = {
            key
            for key in first.environ.keys() | second.environ.keys()
            if first.environ.get(key) != second.environ.get(key)
        }
        asked = {key for key, _ in parse_arm(f"{base},{head}".strip(",."), ARM_OPTIONS).env}
        assert differ <= asked | {"PYTHONPATH", FILLER}


def test_an_environment_beyond_the_room_is_still_made(both):
    with both(f"env.A={'x' * 5000}", "") as (long, short):
        assert size(long.environ) == size(short.environ) + 4096


@pytest.mark.parametrize(
    "texts", [("ref=first", "."), (".", "ref=first"), ("ref=first", "ref=main")]
)
def test_checkouts_have_paths_of_one_length_and_depth(both, repo, texts):
    """Also where one is the working tree, and where the user stands in a folder of it."""
    with both(*texts, cwd=repo / "sub") as arms:
        folders = [arm.folder for arm in arms]
        assert folders[0] != folders[1]
        assert len({len(str(each)) for each in folders}) == 1
        assert len({len(each.parts) for each in folders}) == 1
        assert len({len(arm.environ["PYTHONPATH"]) for arm in arms}) == 1
        assert arms[0].notes == ()


def test_paths_that_cannot_be_alike_are_noted(both, monkeypatch):
    monkeypatch.setattr("tlbench.gate.worktrees.equal_path", lambda *_: None)
    with both("ref=first", ".") as (base, head):
        (note,) = base.notes
        assert note.startswith(
            f"the checkouts' paths differ in length or depth ({base.tree.root} and "
            f"{head.tree.root}), "
        )


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


def test_an_identity_is_of_what_is_compared_and_not_of_its_name(ready, both, git):
    with both("ref=main", f"ref={git('rev-parse', 'main')}") as (first, second):
        assert first.identity == second.identity
    with ready("") as clean:
        assert clean.identity == first.identity
    with ready("env.A=1,env.B=2") as one, ready("env.B=2,env.A=1") as other:
        assert one.identity == other.identity


@pytest.mark.parametrize("text", ["ref=first", "env.A=1", "threads=1", "workload=full"])
def test_what_differs_has_another_identity(both, text):
    with both("", text) as (base, head):
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
