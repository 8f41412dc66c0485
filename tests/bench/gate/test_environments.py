"""Requirements are installed over an environment once, and a build is whole or not there."""

import signal
import subprocess
import sys
import time

import pytest

from tlbench.gate.arms import ArmError
from tlbench.gate.environments import MARKER, EnvironmentSpec, environment
from tlbench.gate.interpreters import interpreter
from tlbench.gate.worktrees import working_tree
from tlbench.locks import lock

#: A build backend that says that it began, waits until it may go on, and writes a wheel by hand.
BACKEND = """
import pathlib, time, zipfile
HERE = pathlib.Path({here!r})
def build_wheel(folder, config_settings=None, metadata_directory=None):
    (HERE / "began").touch()
    end = time.monotonic() + 60  # no test that failed leaves it behind for ever
    while not (HERE / "go").exists() and time.monotonic() < end:
        time.sleep(0.05)
    (HERE / "went on").touch()
    with zipfile.ZipFile(pathlib.Path(folder) / "slow-1-py3-none-any.whl", "w") as file:
        file.writestr("slow.py", pathlib.Path("slow.py").read_text())
        info = "slow-1.dist-info/"
        file.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: slow\\nVersion: 1\\n")
        wheel = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
        file.writestr(info + "WHEEL", wheel)
        file.writestr(info + "RECORD", "")
    return "slow-1-py3-none-any.whl"
"""


#: Name and version of packages to install over those.
ABOVE = (("newer", "2.0"), ("same", "1.0"))


def recipe(python, folder, *pip, said=None):
    found = interpreter(str(python), folder)
    return EnvironmentSpec(
        found, pip, working_tree(folder), (said if said is not None else []).append
    )


def prints(python, code):
    command = [str(python), "-c", code]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def waiting(path):
    """Wait until a file is there."""
    deadline = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} did not come"
        time.sleep(0.02)


def empty(place):
    """Stands for a build, which takes seconds."""
    (place / "lib" / "python3" / "site-packages").mkdir(parents=True)
    return place


@pytest.fixture
def slow(repo, commit, tmp_path):
    """A committed package that is built from source; returns the folder that steers the build."""
    steer = tmp_path / "steer"
    steer.mkdir()
    (repo / "backend.py").write_text(BACKEND.format(here=str(steer)))
    build = 'requires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    (repo / "pyproject.toml").write_text(f"[build-system]\n{build}")
    (repo / "slow.py").write_text("x = 'committed'")
    commit("a package")
    return steer


@pytest.fixture
def stocked(bare, wheel, tmp_path):
    """An environment with three packages of version 1.0, and one that is installed editable."""
    python, site = bare
    for name in ("newer", "same", "library"):
        (site / f"{name}.py").write_text("x = 'below'")
        (site / f"{name}-1.0.dist-info").mkdir()
        (site / f"{name}-1.0.dist-info" / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        )
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "editable.py").write_text("x = 'editable'")
    (site / "__editable__.pth").write_text(str(tmp_path / "source"))
    return python


def test_what_is_installed_wins_and_the_rest_is_what_lies_below(stocked, repo, store, wheel):
    """A wheel also wins over another of the same version, which pip alone would have left."""
    pip = [str(wheel(name, version, "x = 'above'")) for name, version in ABOVE]
    said = []
    with environment(recipe(stocked, repo, *pip, said=said), store) as made:
        code = "import newer, same, library, editable as e; print(newer.x, same.x, library.x, e.x)"
        assert prints(made.python, code) == "above above below editable"
        assert made.installed == "newer==2.0, same==1.0"
    assert prints(stocked, "import newer, same; print(newer.x, same.x)") == "below below"
    assert said == [f"installing {', '.join(pip)} over {stocked}"]
    with environment(recipe(stocked, repo, *pip, said=said), store) as again:
        assert again == made
    assert len(said) == 1  # built once
    assert [each.name for each in store.iterdir()] == [made.digest[:16]]


def test_each_environment_is_of_its_own_requirements(bare, repo, store, wheel, monkeypatch):
    python, site = bare
    built = []
    monkeypatch.setattr(
        "tlbench.gate.environments._build", lambda _, place, __: built.append(empty(place))
    )
    path = wheel("pkg", "2.0", "x = 1")
    variants = [("a",), ("a", "b"), ("a,b",), (str(path),)]
    for pip in [*variants, *variants]:
        with environment(recipe(python, repo, *pip), store):
            pass
    assert len(built) == len(set(built)) == 4
    wheel("pkg", "2.0", "x = 2")
    with environment(recipe(python, repo, str(path)), store):
        pass
    (site / "other-1.0.dist-info").mkdir()
    with environment(recipe(python, repo, "a"), store):
        pass
    assert len(built) == len(set(built)) == 6
    assert len({len(str(place)) for place in built}) == 1


@pytest.mark.slow
def test_what_pip_says_is_said_and_nothing_stays(bare, repo, store):
    with (
        pytest.raises(ArmError) as caught,
        environment(recipe(bare[0], repo, "no-such-name==1"), store),
    ):
        pass
    assert str(caught.value) == (
        "pip=no-such-name==1: ERROR: No matching distribution found for no-such-name==1"
    )
    assert list(store.iterdir()) == []


def test_an_interpreter_without_venv_is_said(bare, repo, store, tmp_path):
    broken = tmp_path / "broken"
    broken.write_text(f'#!/bin/sh\n[ "$1" = -c ] && exec {bare[0]} "$@"\necho no venv; exit 1\n')
    broken.chmod(0o755)
    with (
        pytest.raises(ArmError, match=f"{broken}: can't make .* no venv; expected .*python3-venv"),
        environment(recipe(broken, repo, "a"), store),
    ):
        pass


@pytest.fixture
def required(wheel, monkeypatch, plain_tools):
    """Newer 2.0, which pip finds by its name."""
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheel("newer", "2.0", "x = 'required'").parent))


@pytest.mark.slow
@pytest.mark.usefixtures("required")
def test_a_build_has_what_it_requires_and_not_what_lies_below(stocked, repo, store, slow):
    """A new environment may have an old setuptools, which pip's isolation has to leave out."""
    backend = repo / "backend.py"
    text = backend.read_text().replace('pathlib.Path("slow.py").read_text()', '"x = %r" % newer.x')
    backend.write_text(f"import newer\n{text}")
    settings = repo / "pyproject.toml"
    settings.write_text(settings.read_text().replace("[]", '["newer==2.0"]'))
    (slow / "go").touch()
    with environment(recipe(stocked, repo, "."), store) as made:
        assert prints(made.python, "import slow, newer; print(slow.x, newer.x)") == "required below"


@pytest.mark.slow
def test_an_environment_of_changed_source_is_not_kept(bare, repo, store, slow):
    (slow / "go").touch()
    (repo / "slow.py").write_text("x = 'changed'")
    with environment(recipe(bare[0], repo, "."), store) as made:
        assert prints(made.python, "import slow; print(slow.x)") == "changed"
    assert list(store.iterdir()) == []


def test_an_interrupted_build_leaves_nothing(repo, store, slow, hold):
    process = hold(repo, "pip=.", until="installing")
    waiting(slow / "began")
    process.send_signal(signal.SIGINT)
    assert process.wait(30) != 0
    assert list((store / "environments").iterdir()) == []
    (slow / "go").touch()
    time.sleep(0.3)
    assert not (slow / "went on").exists()  # pip's own child, which is no child of ours


@pytest.mark.slow
def test_a_build_that_was_killed_is_made_anew(repo, store, slow, hold, tmp_path):
    """The new one waits for what the killed process left running, which writes to the same path."""
    process = hold(repo, "pip=.", until="installing")
    waiting(slow / "began")
    process.kill()
    process.wait()
    (place,) = (path for path in (store / "environments").iterdir() if path.is_dir())
    second = hold(repo, "pip=.", until="waiting for another process that is installing .")
    (slow / "go").touch()
    assert second.stdout.readline() == f"installing . over {sys.executable}\n"
    assert second.stdout.readline() == f"ready {repo}\n"
    assert (place / MARKER).is_file()
    assert prints(place / "bin" / "python", "import slow; print(slow.x)") == "committed"
    second.kill()
    second.wait()
    assert (place / MARKER).is_file()


def test_half_an_environment_goes_at_the_next_start(bare, repo, store, monkeypatch):
    monkeypatch.setattr("tlbench.gate.environments._build", lambda _, place, __: empty(place))
    for name in ("half", "being built"):
        (store / name).mkdir(parents=True)
    with lock(store / "being built"), environment(recipe(bare[0], repo, "a"), store) as made:
        names = {path.name for path in store.iterdir()}
        assert names == {"being built", "being built.lock", made.digest[:16]}
