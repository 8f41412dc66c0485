"""Other refs are checked out beside the user's own checkout, which is left as it is."""

import os
import shutil
import signal

import pytest

from tlbench.gate.arms import ArmError
from tlbench.gate.worktrees import remove_leftovers, working_tree, worktree


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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_worktree_goes_with_its_process(repo, git, store, hold, number):
    process = hold(repo, "ref=first")
    assert len(trees(git)) == 2
    process.send_signal(number)
    assert process.wait(30) != 0, "it slept to its end"
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
    assert list((store / "trees").iterdir()) == []


def test_a_half_made_worktree_goes(repo, git, store, hold):
    """Where git was killed while checking out, the worktree is locked and has no index."""
    killed = hold(repo, "ref=first")
    killed.kill()
    killed.wait()
    admin = repo / ".git" / "worktrees" / "base"
    (admin / "locked").write_text("initializing")
    (admin / "index").unlink()
    next((store / "trees").glob("*/base/.git")).unlink()
    remove_leftovers(store / "trees")
    assert trees(git) == [str(repo)]
    assert not admin.exists()


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


def test_a_folder_that_the_ref_lacks_is_named(repo, git, store):
    (repo / "later").mkdir()
    with (
        pytest.raises(ArmError, match="ref=first: has no folder later; start higher"),
        worktree(repo / "later", "first", "base", store),
    ):
        pass
    assert trees(git) == [str(repo)]
    assert list(store.iterdir()) == []


def test_no_repository_is_said(tmp_path, store):
    with (
        pytest.raises(ArmError, match="fatal: not a git repository"),
        worktree(tmp_path, "main", "base", store),
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
