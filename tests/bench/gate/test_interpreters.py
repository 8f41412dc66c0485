"""An arm's interpreter is found, and refused where it can't run the benchmarks."""

import sys
from pathlib import Path

import pytest

from tlbench.gate.arms import ArmError
from tlbench.gate.interpreters import check_pytest, interpreter


def test_without_a_path_it_is_this_one(tmp_path):
    found = interpreter(None, tmp_path)
    assert found.path == Path(sys.executable)
    assert found.version == "CPython " + " ".join(sys.version.split())
    assert any(site.is_dir() for site in found.sites)
    assert found.lacks == ()
    check_pytest(found, "this one")


def test_a_path_may_be_relative_and_stays_a_link(tmp_path):
    """A virtual environment's interpreter is a link: followed, it would be another environment."""
    (tmp_path / "link").symlink_to(sys.executable)
    assert interpreter("./link", tmp_path).path == tmp_path / "link"


def test_a_program_of_the_working_folder_is_not_imported(tmp_path, monkeypatch):
    (tmp_path / "json.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    assert interpreter(sys.executable, tmp_path).path == Path(sys.executable)


def test_a_command_is_found_on_the_path(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    name = Path(sys.executable).name
    assert interpreter(name, tmp_path).path == Path(sys.executable)


def test_installing_makes_another_environment_and_importing_does_not(bare, tmp_path):
    python, site = bare
    before = interpreter(str(python), tmp_path).digest
    (site / "__pycache__").mkdir()
    assert interpreter(str(python), tmp_path).digest == before
    (site / "six-1.0.dist-info").mkdir()
    assert interpreter(str(python), tmp_path).digest != before


@pytest.mark.parametrize("there", [[], ["pytest"], ["pytest_benchmark"]])
def test_an_environment_without_pytest_is_refused(bare, tmp_path, there):
    python, site = bare
    for name in there:
        (site / f"{name}.py").write_text("")
    found = interpreter(str(python), tmp_path)
    with pytest.raises(ArmError) as caught:
        check_pytest(found, "python=it")
    names = [name for name in ("pytest", "pytest_benchmark") if name not in there]
    missing = " and ".join(name.replace("_", "-") for name in names)
    assert str(caught.value) == (
        f"arm 'python=it': {python} lacks {missing}; "
        f"install with: {python} -m pip install pytest pytest-benchmark"
    )


def test_an_environment_with_an_old_pytest_is_refused(bare, tmp_path):
    python, site = bare
    versions = {"pytest": "6.1.2", "pytest-benchmark": "3.10", "pluggy": "0.13.1"}
    for name, version in versions.items():
        (site / f"{name.replace('-', '_')}.py").write_text("")
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    found = interpreter(str(python), tmp_path)
    with pytest.raises(ArmError) as caught:
        check_pytest(found, "python=it")
    assert str(caught.value) == (
        f"arm 'python=it': {python} has pytest 6.1.2 and pluggy 0.13.1; expected at least "
        "python 3.9, pytest 6.2, pytest-benchmark 3.4, pluggy 1.2"
    )


@pytest.mark.parametrize(
    ("text", "mode", "message"),
    [
        (None, 0, "no such file; expected the path of an interpreter"),
        ("#!/bin/sh\n", 0o644, "Permission denied; expected an interpreter"),
        ("not a program", 0o755, "expected an interpreter"),
        ("#!/bin/sh\necho broken >&2; exit 3\n", 0o755, "isn't a working Python .*: broken"),
        ("#!/bin/sh\nexit 3\n", 0o755, "isn't a working Python interpreter: exit 3"),
        ("#!/bin/sh\necho hello\n", 0o755, "isn't a working Python interpreter: exit 0"),
        ("#!/bin/sh\nexec sleep 60\n", 0o755, "no answer within 1 s"),
    ],
)
def test_what_is_no_interpreter_is_refused(tmp_path, monkeypatch, text, mode, message):
    monkeypatch.setattr("tlbench.gate.interpreters.PATIENCE_S", 1.0)
    path = tmp_path / "python"
    if text is not None:
        path.write_text(text)
        path.chmod(mode)
    with pytest.raises(ArmError, match=f"python=.*{message}") as caught:
        interpreter(str(path), tmp_path)
    assert "\n" not in str(caught.value)


def test_a_folder_is_no_interpreter(tmp_path):
    with pytest.raises(ArmError, match="a folder; expected an interpreter, such as bin/python"):
        interpreter(".", tmp_path)
