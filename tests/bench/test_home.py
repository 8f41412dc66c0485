"""A user without a home folder works where ``TLBENCH_CACHE`` is set, and else reads what to set."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tlbench.home import ensure_home

#: In a session of few tests: these start many processes, or read what may harm one.
pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
#: A user's id that no list of users has.
NOBODY = "54321"


@pytest.fixture(scope="module")
def place():
    """A folder that any user can write; pytest's own ones are private."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o777)
        yield Path(folder)


@pytest.fixture(scope="module")
def homeless(place):
    """Run Python as a user without a home folder, with variables that are set."""
    if not hasattr(os, "geteuid") or os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can start a process of another user, by setpriv")
    prefix = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    gone = {"HOME", "TLBENCH_CACHE", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "TMPDIR"}
    environ = {name: value for name, value in os.environ.items() if name not in gone}

    def run(*arguments, **variables):
        return subprocess.run(
            [*prefix, sys.executable, *map(str, arguments)], cwd=place, text=True, check=False,
            capture_output=True, env=environ | {"PYTHONPATH": str(ROOT)} | variables,
        )  # fmt: skip

    if run("-c", "import tlbench").returncode:
        pytest.skip("another user can't read this interpreter")
    return run


def test_without_a_cache_one_line_says_what_to_set(homeless, place):
    done = homeless("-m", "tlbench", "gate", "--base", "env.A=1", "--", "bench_x.py")
    assert done.returncode == 2
    assert "set TLBENCH_CACHE to a folder that can be written" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (place / "~").exists()


def test_with_a_cache_the_home_folder_is_there(homeless, place):
    code = (
        "from tlbench.home import ensure_home; ensure_home();"
        "import pathlib, platformdirs; print(pathlib.Path.home(), platformdirs.user_cache_dir())"
    )
    done = homeless("-c", code, TLBENCH_CACHE=str(place / "cache"))
    home = place / "cache" / "home"
    assert done.stdout.split() == [str(home), f"{home}/.cache"], done.stderr
    assert home.is_dir()


@pytest.mark.slow
def test_with_a_cache_a_training_works_and_leaves_nothing_elsewhere(homeless, place):
    options = ("--train-size", 60, "--test-size", 30, "--image-size", 32, "--epochs", 1)
    command = ("-m", "tlbench", "train", "digits", *options, "--report", "page.html")
    done = homeless(*command, TLBENCH_CACHE="cache")
    assert done.returncode == 0, done.stderr
    assert "Matplotlib" not in done.stderr
    assert {path.name for path in place.iterdir()} == {"cache", "page.html"}


def test_a_user_with_a_home_folder_keeps_it(monkeypatch, tmp_path):
    monkeypatch.setenv("TLBENCH_CACHE", str(tmp_path))
    monkeypatch.setenv("HOME", "/somewhere")
    ensure_home()
    assert os.environ["HOME"] == "/somewhere"
    assert not list(tmp_path.iterdir())
