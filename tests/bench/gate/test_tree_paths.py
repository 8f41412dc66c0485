"""A worktree's path is as long and as deep as the other arm's checkout, wherever that lies."""

import os
from pathlib import Path

import pytest

from tlbench.gate import tree_paths
from tlbench.gate.tree_paths import equal_path


@pytest.fixture
def only(monkeypatch):
    """Let worktrees lie in these folders."""

    def choose(*folders):
        monkeypatch.setattr(tree_paths, "_folders", lambda *_: iter(folders))

    return choose


@pytest.mark.parametrize(
    ("model", "folder", "alike"),
    [
        ("abcd", ".", True),  # beside it, as short as a unique name can be
        ("abc", ".", False),
        ("abcdefgh/repo", ".", True),
        ("a/b/c/repo", ".", True),
        ("ab/b/c/dd", ".", False),
        ("abc/b/c/dd", ".", True),
        ("ab/c", ".", False),
        ("repo", "deeper/than", False),
        ("a/long/path/to/a/repository", "x", True),
        ("é" * 20, ".", True),  # bytes count
        (f"{'a' * 200}/{'b' * 200}/repo", ".", True),
    ],
)
def test_a_path_is_as_long_and_as_deep(only, tmp_path, model, folder, alike):
    for each in (model, folder):
        (tmp_path / each).mkdir(parents=True, exist_ok=True)
    only((tmp_path / folder).resolve())
    found = equal_path(tmp_path / model, tmp_path / "place")
    assert (found is not None) == alike
    if found:
        path, first = found
        assert len(os.fsencode(path)) == len(os.fsencode(tmp_path / model))
        assert len(path.parts) == len((tmp_path / model).parts)
        assert first.parent == (tmp_path / folder).resolve()
        assert path.is_relative_to(first)
        assert not first.exists()


def test_the_checkouts_own_name_is_kept_where_it_fits(only, tmp_path):
    (tmp_path / "some-folder" / "project").mkdir(parents=True)
    only(tmp_path)
    path, _ = equal_path(tmp_path / "some-folder" / "project", tmp_path / "place")
    assert path.name == "project"


def test_our_own_folder_comes_first_and_the_same_file_system_before_others(
    only, tmp_path, monkeypatch
):
    folders = [tmp_path / name for name in ("place", "temp1", "temp2")]
    model = tmp_path / "temp2" / "where-the-users" / "repository-lies"
    for each in (*folders, model):
        each.mkdir(parents=True, exist_ok=True)
    only(*folders)
    assert equal_path(model, folders[0])[0].is_relative_to(folders[0])
    real = Path.stat
    other = {folders[0]: 1, folders[1]: 2}

    def stat(path, **how):
        found = real(path, **how)
        return os.stat_result((*found[:2], other.get(path, found.st_dev), *found[3:10]))

    monkeypatch.setattr(Path, "stat", stat)
    assert equal_path(model, folders[0])[0].is_relative_to(folders[2])
    only(*folders[:2])
    assert equal_path(model, folders[0])[0].is_relative_to(folders[0])


def test_a_worktree_never_lies_in_the_checkout_itself(tmp_path, monkeypatch):
    model = tmp_path / "repo"
    (model / "tmp").mkdir(parents=True)
    monkeypatch.setattr("tempfile.gettempdir", lambda: str(model / "tmp"))
    path, _ = equal_path(model, tmp_path / "place")
    assert not path.is_relative_to(model)


def test_what_is_too_short_has_none():
    root = Path("/x")
    assert tree_paths._names(root, Path("/"), tree_paths.UNIQUE) == []
    assert len(tree_paths._names(Path("/work"), Path("/"), tree_paths.UNIQUE)[0]) == 4
