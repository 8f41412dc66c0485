"""Repositories, wheels and other processes to try the gate's preparations on."""

import os
import subprocess
import sys
import zipfile

import pytest

#: Makes ``hold`` wait in the block after saying "ready"; SIGTERM ends it as in ``tlbench``.
HOLD = """
import signal, sys, time
from pathlib import Path
signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
from tlbench.gate.arms import parse_arm
from tlbench.gate.arm_setup import ready_arms
from tlbench.suite.arm_options import ARM_OPTIONS
cwd, store, *texts = sys.argv[1:]
say = lambda words: print(words, flush=True)
arms = [parse_arm(text, ARM_OPTIONS) for text in texts]
with ready_arms(*arms, cwd=Path(cwd), store=Path(store), say=say) as (base, _):
    print(f"ready {base.folder}", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def plain_tools(monkeypatch, tmp_path):
    """Neither git nor pip reads this user's configuration, and pip asks no index."""
    for name in [name for name in os.environ if name.startswith(("GIT_", "PIP_"))]:
        monkeypatch.delenv(name)
    for name in ("GIT_CONFIG_GLOBAL", "GIT_CONFIG_SYSTEM", "PIP_CONFIG_FILE"):
        monkeypatch.setenv(name, os.devnull)
    for person in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{person}_NAME", "someone")
        monkeypatch.setenv(f"GIT_{person}_EMAIL", "someone@example.org")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))


@pytest.fixture
def store(tmp_path, plain_tools):
    """Where worktrees and environments are kept."""
    return tmp_path / "cache" / "gate"


@pytest.fixture
def git(tmp_path, plain_tools):
    """Run git in the repository."""

    def run(*arguments):
        command = ["git", "-C", str(tmp_path / "repo"), *arguments]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    return run


@pytest.fixture
def commit(git):
    """Commit all files, and say the commit's sha."""

    def run(message):
        git("add", "--all")
        git("commit", "--quiet", "--message", message)
        return git("rev-parse", "HEAD")

    return run


@pytest.fixture
def repo(tmp_path, git, commit):
    """A repository with a file, a folder and two commits on main; the first is tagged."""
    folder = tmp_path / "repo"
    (folder / "sub").mkdir(parents=True)
    git("init", "--quiet", "--initial-branch=main")
    (folder / "file.txt").write_text("old")
    (folder / "sub" / "inner.txt").write_text("inner")
    (folder / ".gitignore").write_text("ignored/\n__pycache__/\n")
    commit("first")
    git("tag", "first")
    (folder / "file.txt").write_text("new")
    commit("second")
    return folder


@pytest.fixture
def wheel(tmp_path):
    """Write a wheel of one module, by hand: no build backend is needed."""

    def write(name, version, text, folder="wheels"):
        path = tmp_path / folder / f"{name}-{version}-py3-none-any.whl"
        path.parent.mkdir(exist_ok=True)
        info = f"{name}-{version}.dist-info"
        with zipfile.ZipFile(path, "w") as file:
            file.writestr(f"{name}.py", text)
            file.writestr(
                f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            )
            file.writestr(
                f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
            )
            file.writestr(f"{info}/RECORD", "")
        return path

    return write


@pytest.fixture
def hold(store):
    """Prepare an arm and the working tree in another process.

    Returns the process when it has said a line that begins with ``until``; that line is ``said``.
    """
    processes = []

    def start(cwd, text, until="ready"):
        command = [sys.executable, "-c", HOLD, str(cwd), str(store), text, "."]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        processes.append(process)
        process.said = next((line for line in process.stdout if line.startswith(until)), None)
        assert process.said is not None, process.wait()
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.fixture
def bare(tmp_path):
    """A virtual environment with nothing in it: its interpreter, and where its packages go."""
    folder = tmp_path / "bare"
    subprocess.run(
        [sys.executable, "-Im", "venv", "--without-pip", str(folder)], check=True, timeout=60
    )
    return folder / "bin" / "python", next(folder.glob("lib/*/site-packages"))
