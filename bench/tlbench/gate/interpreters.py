"""The Python interpreter of an arm: its path, its environment, and whether it has pytest."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tlbench.gate.arms import ArmError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Seconds in which an interpreter must answer; importing pytest from a cold disk is slow.
PATIENCE_S = 120.0
#: Endings of the files that installers write to site-packages for each distribution.
INSTALLED = (".dist-info", ".egg-info", ".egg-link", ".pth")

#: The oldest versions with which ``tlbench.gate.arm`` works.
OLDEST = {"python": (3, 9), "pytest": (6, 2), "pytest-benchmark": (3, 4), "pluggy": (1, 2)}

#: Prints the interpreter's version, environment, folders of packages, what of pytest it lacks,
#: other folders, and versions of distributions.
_QUESTION = """
import importlib.util, json, os, platform, site, sys, sysconfig
sites = site.getsitepackages()
if site.ENABLE_USER_SITE:
    sites.append(site.getusersitepackages())
names = ("pytest", "pytest_benchmark")
lacks = [name for name in names if importlib.util.find_spec(name) is None]
version = platform.python_implementation() + " " + sys.version
folders = (*sites, *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib")))
own = [path for path in sys.path if path and not path.startswith(folders)]
for finder in sys.meta_path:  # those of packages that setuptools installed editable
    mapping = getattr(sys.modules.get(getattr(finder, "__module__", "")), "MAPPING", {})
    own += [os.path.dirname(path) for name, path in mapping.items() if path.endswith(os.sep + name)]
versions = {"python": platform.python_version()}
if not lacks:
    from importlib.metadata import PackageNotFoundError, version as version_of
    for name in ("pytest", "pytest-benchmark", "pluggy"):
        try:
            versions[name] = version_of(name)
        except PackageNotFoundError:
            pass
print(json.dumps([version, sys.prefix, sites, lacks, own, versions]))
"""


@dataclass(frozen=True)
class Interpreter:
    """A Python and its environment.

    Attributes:
        path: As it is started; a link into a virtual environment is not followed.
        digest: Of the environment: its path, and what was installed when. Changes in the files of
            editable packages don't change it.
        lacks: Which of pytest and pytest_benchmark can't be imported.
        old: Programs and packages older than ``OLDEST``, with their versions.
        sources: Other folders that it imports from, such as those of editable packages.
    """

    path: Path
    version: str
    sites: tuple[Path, ...]
    digest: str
    lacks: tuple[str, ...]
    sources: tuple[Path, ...] = ()
    old: tuple[str, ...] = ()


def interpreter(python: str | None, cwd: Path) -> Interpreter:
    """Examine an interpreter: an absolute or relative path, a command's name, or None for this one.

    Raises:
        ArmError: It doesn't exist, can't be run, or isn't a Python interpreter.
    """
    path = _path(python, cwd) if python else Path(sys.executable)
    version, prefix, sites, lacks, sources, versions = _answers(path)
    digest = hashlib.sha256(json.dumps([version, prefix, _installed(sites)]).encode()).hexdigest()
    folders = [tuple(map(Path, each)) for each in (sites, sources)]
    old = tuple(_old(versions))
    return Interpreter(path, version, folders[0], digest, tuple(lacks), folders[1], old)


def _old(versions: dict[str, str]) -> Iterator[str]:
    for name, text in versions.items():
        numbers = tuple(map(int, re.findall(r"\d+", text)[:2]))
        if numbers < OLDEST[name]:
            yield f"{name} {text}"


def check_pytest(python: Interpreter, arm: str) -> None:
    """Raise an ``ArmError`` if an arm's environment lacks pytest, or a version is too old."""
    if python.lacks:
        missing = " and ".join(name.replace("_", "-") for name in python.lacks)
        raise ArmError(
            f"arm {arm!r}: {python.path} lacks {missing}; "
            f"install with: {python.path} -m pip install pytest pytest-benchmark"
        )
    if python.old:
        oldest = ", ".join(f"{name} {a}.{b}" for name, (a, b) in OLDEST.items())
        raise ArmError(
            f"arm {arm!r}: {python.path} has {' and '.join(python.old)}; expected at least {oldest}"
        )


def _path(python: str, cwd: Path) -> Path:
    path = cwd / Path(python).expanduser()
    if not path.exists() and "/" not in python:
        path = Path(shutil.which(python) or path)
    if not path.exists():
        raise ArmError(f"python={python}: no such file; expected the path of an interpreter")
    if not path.is_file():
        raise ArmError(f"python={python}: a folder; expected an interpreter, such as bin/python")
    return path


def _answers(
    path: Path,
) -> tuple[str, str, list[str], list[str], list[str], dict[str, str]]:
    """The last line that ``_QUESTION`` prints; site hooks may print before it."""
    try:
        done = subprocess.run(  # noqa: S603 - the user's own interpreter
            [str(path), "-c", _QUESTION],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=PATIENCE_S,
            check=False,
            env=os.environ | {"PYTHONSAFEPATH": "1"},  # nothing from the working folder
        )
        answers = json.loads(done.stdout.strip().splitlines()[-1])
        version, prefix, sites, lacks, sources, versions = answers
    except subprocess.TimeoutExpired as error:
        raise ArmError(f"python={path}: no answer within {PATIENCE_S:.0f} s") from error
    except OSError as error:
        raise ArmError(f"python={path}: {error.strerror}; expected an interpreter") from error
    except (ValueError, IndexError) as error:
        lines = done.stderr.strip().splitlines() or [f"exit {done.returncode}"]
        raise ArmError(f"python={path}: isn't a working Python interpreter: {lines[-1]}") from error
    return " ".join(version.split()), prefix, sites, lacks, sources, versions


def _installed(sites: list[str]) -> list[tuple[str, str, int]]:
    """Installed distributions, and when they were installed."""
    return sorted(
        (site, entry.name, entry.stat().st_mtime_ns)
        for site in sites
        if Path(site).is_dir()
        for entry in Path(site).iterdir()
        if entry.name.endswith(INSTALLED)
    )
