"""What is written is whole or not there."""

import hashlib
import stat

import pytest

from tl_core.storage import atomic_dir, atomic_file, cache_dir, sha256_of


class Interrupted(BaseException):
    """Stands for Ctrl-C."""


def test_the_cache_folder_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("TLBENCH_CACHE", str(tmp_path))
    assert cache_dir() == tmp_path
    monkeypatch.delenv("TLBENCH_CACHE")
    assert cache_dir().name == "tlbench"


def test_sha256_is_hashlibs(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abc" * 100_000)
    assert sha256_of(path) == hashlib.sha256(b"abc" * 100_000).hexdigest()


def test_a_file_appears_only_when_whole(tmp_path):
    target = tmp_path / "new" / "result.json"
    with atomic_file(target) as part:
        part.write_text("whole")
        assert not target.exists()
    assert target.read_text() == "whole"
    assert [path.name for path in target.parent.iterdir()] == ["result.json"]


def test_an_interrupted_file_leaves_the_old_one(tmp_path):
    target = tmp_path / "result.json"
    target.write_text("old")
    with pytest.raises(Interrupted), atomic_file(target) as part:
        part.write_text("hal")
        raise Interrupted
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_gets_the_usual_permissions(tmp_path):
    (tmp_path / "plain").touch()
    with atomic_file(tmp_path / "ours") as part:
        part.touch()
    modes = {stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("plain", "ours")}
    assert len(modes) == 1


def test_a_folder_takes_the_place_of_an_old_one(tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    (target / "old").touch()
    with atomic_dir(target) as part:
        (part / "new").touch()
    assert [path.name for path in target.iterdir()] == ["new"]
    assert list(tmp_path.iterdir()) == [target]


def test_an_interrupted_folder_leaves_the_old_one(tmp_path):
    target = tmp_path / "model"
    target.mkdir()
    (target / "old").touch()
    with pytest.raises(Interrupted), atomic_dir(target) as part:
        (part / "half").touch()
        raise Interrupted
    assert [path.name for path in target.iterdir()] == ["old"]
    assert list(tmp_path.iterdir()) == [target]


def test_two_writers_of_one_folder_both_succeed(tmp_path):
    target = tmp_path / "model"
    with atomic_dir(target) as first:
        with atomic_dir(target) as second:
            (second / "second").touch()
        (first / "first").touch()
    assert [path.name for path in target.iterdir()] == ["first"]
