"""The cache folder, and temporary folders in it that no process leaves behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tl_core import storage
from tl_core.errors import TransferLearningError
from tlbench import cache
from tlbench.cache import cache_dir, temporary_folder
from tlbench.errors import InputError


def test_the_cache_is_where_the_variable_says_or_the_system_has_it(monkeypatch):
    monkeypatch.setenv("TLBENCH_CACHE", "~/elsewhere")
    assert cache_dir() == Path.home() / "elsewhere"
    monkeypatch.delenv("TLBENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/kept/here")
    assert cache_dir().name == "tlbench"


@pytest.mark.parametrize("unknown", [None, "~/.cache/tlbench"], ids=["an error", "a tilde"])
def test_without_a_home_folder_the_cache_must_be_named(monkeypatch, unknown):
    def user_cache_dir(name):
        if unknown is None:
            raise RuntimeError("no home")
        return unknown

    monkeypatch.delenv("TLBENCH_CACHE")
    monkeypatch.setattr(cache.platformdirs, "user_cache_dir", user_cache_dir)
    with pytest.raises(InputError, match="set TLBENCH_CACHE to a folder"):
        cache_dir()
    with pytest.raises(TransferLearningError, match="set TLBENCH_CACHE to a folder"):
        storage.cache_dir()


@pytest.fixture
def place(monkeypatch, tmp_path):
    monkeypatch.setenv("TLBENCH_CACHE", str(tmp_path))
    return tmp_path


def test_a_temporary_folder_is_gone_after_the_block(place):
    with temporary_folder() as folder:
        (folder / "file").touch()
        assert folder.is_relative_to(place)
    assert not list((place / "temporary").iterdir())


KILLED = """
import os, signal
from tlbench.cache import temporary_folder
with temporary_folder() as folder:
    (folder / "file").touch()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_a_killed_processs_folder_is_removed_by_the_next_one_but_no_living_ones(place):
    with temporary_folder() as living:
        done = subprocess.run([sys.executable, "-c", KILLED], check=False)
        assert done.returncode == -signal.SIGKILL
        assert len([path for path in (place / "temporary").iterdir() if path.is_dir()]) == 2
        with temporary_folder() as folder:
            left = {path for path in (place / "temporary").iterdir() if path.is_dir()}
            assert left == {living, folder}
    assert not list((place / "temporary").iterdir())
