"""Other refs are checked out beside the user's own checkout, which is left as it is."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tlbench.gate.arms import ArmError
from tlbench.gate.worktrees import remove_leftovers, working_tree, worktree


def left(process):
    """The worktree of a process that ``hold`` started, which lies outside the store."""
    return Path(process.said.split()[1])


def trees(git):
    """Worktrees that the repository knows, its own among them."""
    lines = git("worktree", "list", "--porcelain").splitlines()
    return [line.removeprefix("worktree ") for line in lines if line.startswith("worktree ")]


@pytest.mark.parametrize("ref", ["first", "main~1", "refs/tags/first"])
def test_a_ref_has_its_own_files(repo, git, store, ref):
    with worktree(repo, ref, "base", store) as tree:
        assert (tree.root / "file.txt").read_text() == "old"
        assert tree.commit == git("rev-parse", "first")
        assert tree.changes is None
    assert (repo / "file.txt").read_text() == "new"
    assert git("status", "--porcelain") == ""
    assert git("symbolic-ref", "HEAD") == "refs/heads/main"


def test_both_arms_may_have_one_ref_that_is_checked_out_already(repo, store):
    with worktree(repo, "main", "base", store) as base, worktree(repo, "main", "head", store) as b:
        assert base.root != b.root
        assert len(str(base.root)) == len(str(b.root))
        assert base.commit == b.commit


def test_the_arm_stands_where_the_user_does(repo, store):
    with worktree(repo / "sub", "first", "base", store) as tree:
        assert tree.folder == tree.root / "sub"
        assert (tree.folder / "inner.txt").is_file()


def test_a_linked_folder_is_found(repo, store, tmp_path):
    (tmp_path / "link").symlink_to(repo)
    with worktree(tmp_path / "link" / "sub", "first", "base", store) as tree:
        assert tree.folder == tree.root / "sub"


@pytest.fixture
def nested(tmp_path, repo, git, commit, monkeypatch):
    """The repository with a submodule that has one itself; its two last commits differ in both."""
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "file")
    for name in ("inner", "outer"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "a.txt").write_text("old")
        run = ["git", "-C", str(folder)]
        subprocess.run([*run, "init", "-q", "-b", "main"], check=True)
        if name == "outer":
            subprocess.run(
                [*run, "submodule", "add", "-q", str(tmp_path / "inner"), "in"], check=True
            )
        subprocess.run([*run, "add", "-A"], check=True)
        subprocess.run([*run, "commit", "-qm", "one"], check=True)
    git("submodule", "add", "-q", str(tmp_path / "outer"), "vendor/outer")
    git("submodule", "update", "-q", "--init", "--recursive")
    commit("a submodule")
    (repo / "vendor" / "outer" / "a.txt").write_text("new")
    inside = ["git", "-C", str(repo / "vendor" / "outer")]
    subprocess.run([*inside, "commit", "-qam", "two"], check=True)
    commit("a newer one")
    for name in ("inner", "outer"):  # no network
        shutil.rmtree(tmp_path / name)
    monkeypatch.delenv("GIT_ALLOW_PROTOCOL")
    return repo / "vendor" / "outer"


def test_submodules_are_populated_without_network(nested, repo, git, store):
    for ref, text in (("main~1", "old"), ("main", "new")):
        with worktree(repo, ref, "base", store) as tree:
            assert (tree.root / "vendor" / "outer" / "a.txt").read_text() == text
            assert (tree.root / "vendor" / "outer" / "in" / "a.txt").read_text() == "old"
    assert git("status", "--porcelain") == ""
    assert trees(git) == [str(repo)]


def test_a_submodule_that_the_user_has_not_populated_is_left_empty(nested, repo, git, store):
    git("submodule", "deinit", "-q", "--all", "--force")
    shutil.rmtree(repo / ".git" / "modules")
    said = []
    with worktree(repo, "main", "base", store, say=said.append) as tree:
        assert list((tree.root / "vendor" / "outer").iterdir()) == []
    assert said == [f"submodule vendor/outer: empty, because it is empty in {repo}"]


def test_a_submodules_commit_that_is_not_there_is_named(nested, repo, git, store):
    git("update-index", "--cacheinfo", f"160000,{'1' * 40},vendor/outer")
    git("commit", "-qm", "a commit that nobody has")
    expected = f"vendor/outer: .* lacks the commit 111111111111; get it by: git -C {nested} fetch"
    with pytest.raises(ArmError, match=expected), worktree(repo, "HEAD", "base", store):
        pass
    assert trees(git) == [str(repo)]


def test_in_a_shallow_clone_the_way_out_is_said(repo, git, store, tmp_path):
    shallow = tmp_path / "shallow"
    git("clone", "--quiet", "--depth=1", f"file://{repo}", str(shallow))
    message = (
        f"ref=first: no such commit in {shallow}; this clone is shallow: .*git fetch --unshallow"
    )
    with pytest.raises(ArmError, match=message), worktree(shallow, "first", "base", store):
        pass
    with worktree(shallow, "HEAD", "base", store) as tree:
        assert (tree.root / "file.txt").read_text() == "new"


def test_hooks_neither_run_nor_mislead(repo, git, store, tmp_path, monkeypatch):
    hook = repo / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    hook.chmod(0o755)
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "index"))
    with worktree(repo, "first", "base", store) as tree:
        assert (tree.root / "file.txt").read_text() == "old"
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "index").exists()


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_a_worktree_goes_however_the_block_ends(repo, git, store, error):
    def end(tree):
        (tree.root / "file.txt").write_text("changed by the arm")
        (tree.root / "result.json").write_text("not tracked")
        raise error

    with pytest.raises(error), worktree(repo, "first", "base", store) as tree:
        end(tree)
    assert list(store.iterdir()) == []
    assert trees(git) == [str(repo)]


def test_what_an_arm_wrote_beside_its_worktree_goes_too(repo, store):
    with worktree(repo, "first", "base", store, model=repo) as tree:
        beside = tree.root.parent / "beside.txt"
        beside.write_text("by a benchmark")
    assert beside.parent not in repo.parents
    assert not beside.parent.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worktree_goes_with_its_process(repo, git, store, hold, number):
    process = hold(repo, "ref=first")
    assert len(trees(git)) == 2
    process.send_signal(number)
    assert process.wait(30) != 0, "it slept to its end"
    assert not left(process).exists()
    assert list((store / "trees").iterdir()) == []
    assert trees(git) == [str(repo)]


def test_what_a_killed_process_left_goes_at_the_next_start(repo, git, store, hold):
    killed, living = hold(repo, "ref=first"), hold(repo, "ref=main")
    killed.kill()
    killed.wait()
    assert len(trees(git)) == 3
    with worktree(repo, "first", "head", store / "trees"):
        assert len(trees(git)) == 3  # the repository's own, the living one's and this one
    living.terminate()
    living.wait()
    assert list((store / "trees").iterdir()) == []
    assert trees(git) == [str(repo)]


def test_what_is_left_of_a_repository_that_is_gone_goes_too(repo, store, hold):
    killed = hold(repo, "ref=first")
    killed.kill()
    killed.wait()
    shutil.rmtree(repo)
    remove_leftovers(store / "trees")
    assert not left(killed).exists()
    assert list((store / "trees").iterdir()) == []


def test_a_half_made_worktree_goes(repo, git, store, hold):
    """Where git was killed while checking out, the worktree is locked and has no index."""
    killed = hold(repo, "ref=first")
    killed.kill()
    killed.wait()
    root = left(killed)
    (admin,) = (repo / ".git" / "worktrees").iterdir()
    (admin / "locked").write_text("initializing")
    (admin / "index").unlink()
    (root / ".git").unlink()
    remove_leftovers(store / "trees")
    assert trees(git) == [str(repo)]
    assert not admin.exists()
    assert not root.exists()


def test_what_came_to_lie_where_a_worktree_was_is_left_alone(repo, store, hold):
    """Such as where folders for temporary files are emptied, and their names used again."""
    killed = hold(repo, "ref=first")
    killed.kill()
    killed.wait()
    root = left(killed)
    shutil.rmtree(root)
    shutil.rmtree(repo / ".git" / "worktrees")
    root.mkdir()
    (root / "mine.txt").write_text("mine")
    try:
        remove_leftovers(store / "trees")
        assert (root / "mine.txt").read_text() == "mine"
        assert list((store / "trees").iterdir()) == []
    finally:
        shutil.rmtree(root)


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ("nowhere", "ref=nowhere: no such commit in .*; expected a branch, tag or commit"),
        ("main:file.txt", "no such commit"),
        ("main..first", "no such commit"),
        ("-h", "ref=-h: not a ref; expected"),
    ],
)
def test_an_unknown_ref_is_refused(repo, git, store, ref, message):
    with pytest.raises(ArmError, match=message) as caught, worktree(repo, ref, "base", store):
        pass
    assert "\n" not in str(caught.value)
    assert trees(git) == [str(repo)]


def test_a_folder_that_the_ref_lacks_is_empty(repo, git, store):
    (repo / "later" / "deep").mkdir(parents=True)
    with worktree(repo / "later" / "deep", "first", "base", store) as tree:
        assert tree.folder == tree.root / "later" / "deep"
        assert list(tree.folder.iterdir()) == []
    assert trees(git) == [str(repo)]
    assert list(store.iterdir()) == []


def test_no_repository_is_said(tmp_path, store):
    with (
        pytest.raises(ArmError, match="fatal: not a git repository"),
        worktree(tmp_path, "main", "base", store),
    ):
        pass


def test_gits_error_is_said_and_not_its_advice(repo, store, monkeypatch, tmp_path):
    """Of a checkout that is another user's, as in a container, the last line is what to type."""
    path = tmp_path / "bin" / "git"
    path.parent.mkdir()
    path.write_text(
        "#!/bin/sh\nprintf 'fatal: dubious ownership\\n\\n\\tgit config x\\n' >&2\nexit 128\n"
    )
    path.chmod(0o755)
    monkeypatch.setenv("PATH", f"{path.parent}{os.pathsep}{os.environ['PATH']}")
    with (
        pytest.raises(ArmError, match=r"fatal: dubious ownership$"),
        worktree(repo, "main", "base", store),
    ):
        pass


def test_no_git_is_said(repo, store, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    with (
        pytest.raises(ArmError, match="git: not found on the PATH"),
        worktree(repo, "main", "base", store),
    ):
        pass


def test_a_clean_checkout_is_its_commit(repo, git):
    (repo / "ignored").mkdir()
    (repo / "ignored" / "file").write_text("not seen")
    tree = working_tree(repo / "sub")
    assert (tree.root, tree.folder) == (repo, repo / "sub")
    assert (tree.commit, tree.changes) == (git("rev-parse", "HEAD"), None)


def test_every_change_is_another_state(repo, git):
    states = [working_tree(repo).changes]
    for number, path in enumerate(["file.txt", "new.txt", "new.txt", "sub/new.bin"]):
        (repo / path).write_bytes(bytes([number, 255]))
        states.append(working_tree(repo).changes)
    git("add", "file.txt")
    assert working_tree(repo).changes == states[-1]
    (repo / "new.txt").rename(repo / "newer.txt")
    states.append(working_tree(repo).changes)
    assert len(set(states)) == len(states)


def test_the_state_is_of_the_whole_repository(repo):
    (repo / "new.txt").write_text("beside where the user stands")
    assert working_tree(repo / "sub").changes is not None
    assert working_tree(repo / "sub").changes == working_tree(repo).changes


def test_a_folder_outside_git_is_never_the_same_for_two_processes(tmp_path):
    tree = working_tree(tmp_path)
    assert tree.commit is None
    assert tree.changes.startswith(f"unknown: process {os.getpid()} of ")
    assert tree == working_tree(tmp_path)


def test_a_repository_without_a_commit_is_refused(tmp_path, git):
    (tmp_path / "repo").mkdir()
    git("init", "--quiet")
    with pytest.raises(ArmError, match="has no commit"):
        working_tree(tmp_path / "repo")
