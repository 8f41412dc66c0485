"""A requirement is looked up, or is a file or folder whose state is known or not."""

import pytest

from tlbench.gate.arms import ArmError
from tlbench.gate.requirements import local_path, state_of
from tlbench.gate.worktrees import working_tree, worktree


@pytest.mark.parametrize(
    ("requirement", "path"),
    [
        ("numpy", None),
        ("numpy>=1,<2", None),
        ("scipy[a,b]~=1.0", None),
        ("git+https://example.org/a.git@main", None),
        ("a @ https://example.org/a-1-py3-none-any.whl", None),
        (".", "."),
        (".[extra]", "."),
        ("./pkg[a,b]", "pkg"),
        ("pkg/inner", "pkg/inner"),
        ("a-1-py3-none-any.whl", "a-1-py3-none-any.whl"),
        ("dist/a.tar.gz", "dist/a.tar.gz"),
        ("/abs/pkg", "/abs/pkg"),
        ("file:///abs/a%20b", "/abs/a b"),
        ("a @ file:///abs/a", "/abs/a"),
        ("a[x]@file:///abs/a", "/abs/a"),
    ],
)
def test_paths_are_told_from_names(tmp_path, requirement, path):
    assert local_path(requirement, tmp_path) == (None if path is None else tmp_path / path)


def test_a_name_is_only_its_text(repo):
    assert state_of("numpy==2", working_tree(repo)).digest == ""
    assert state_of("numpy==2", working_tree(repo)).reusable


def test_a_file_is_its_content(repo, wheel):
    tree = working_tree(repo)
    path = wheel("a", "1", "x = 1")
    first = state_of(str(path), tree)
    assert first.reusable
    assert state_of(str(path), tree) == first
    wheel("a", "1", "x = 2")
    assert state_of(str(path), tree) != first


def test_a_committed_folder_is_its_commit(repo, store):
    there = state_of("./sub", working_tree(repo))
    assert there.reusable
    with worktree(repo, "main", "base", store) as same, worktree(repo, "first", "head", store) as b:
        assert state_of("./sub", same) == there
        assert state_of("./sub", b) != there


def test_a_changed_folder_is_not_kept(repo):
    (repo / "sub" / "inner.txt").write_text("changed")
    changed = state_of("./sub", working_tree(repo))
    assert not changed.reusable
    assert state_of("./sub", working_tree(repo)) == changed  # but told from other changes
    (repo / "sub" / "inner.txt").write_text("changed again")
    assert state_of("./sub", working_tree(repo)) != changed


@pytest.mark.parametrize("where", ["repo/ignored", "outside"])
def test_a_folder_that_git_does_not_know_is_never_the_same(repo, tmp_path, where):
    (tmp_path / where).mkdir()
    first = state_of(str(tmp_path / where), working_tree(repo))
    assert not first.reusable
    assert state_of(str(tmp_path / where), working_tree(repo)) != first


def test_a_path_that_is_not_there_is_said_before_pip_runs(repo):
    with pytest.raises(ArmError, match=r"pip=./dist/a.whl: no file or folder /.*/dist/a.whl; exp"):
        state_of("./dist/a.whl", working_tree(repo))
