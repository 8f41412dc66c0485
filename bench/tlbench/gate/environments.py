"""Environments for ``pip=``: requirements installed on top of another environment, built once.

Each is a virtual environment that also finds the packages of the environment below, after its own.
So only the packages that differ are installed, they come first on the import path, and packages
that are installed editable below still work.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from tlbench import locks
from tlbench.gate.arms import ArmError
from tlbench.gate.distributions import packages
from tlbench.gate.requirements import local_path, state_of
from tlbench.runs.files import sha256_of, write_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tlbench.gate.interpreters import Interpreter
    from tlbench.gate.worktrees import Tree

#: Written last, with what was installed: an environment without it is incomplete, or temporary.
MARKER = "tlbench-whole.json"
#: Digits of an environment's name; always as many, so that paths have equal lengths.
DIGITS = 16
#: Comes with Python's own pip, depending on its version; the environment below has its own.
BUNDLED = "setuptools"
#: File that an environment imports at its start, and its module's name there.
FINDER = Path(__file__).with_name("arm") / "installed.py"
FINDER_NAME = "tlbench_installed"
#: Lines of pip's output that name an error, and those of them that say nothing about its cause.
_ERROR = re.compile(r"(error\b|\w+Error: |.*: (fatal )?error: )", re.IGNORECASE)
_VAGUE = re.compile(
    r"exited-with-error|legacy-install-failure|exit code \d|building wheel|wheel-build|"
    r"build (installable )?wheels",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class EnvironmentSpec:
    """Requirements on top of an interpreter's packages; paths are relative to ``tree.folder``.

    Attributes:
        own: Path of the arm's own project, which is built and installed without its requirements.
        say: Called with a line when something that takes long begins.
    """

    below: Interpreter
    pip: tuple[str, ...]
    tree: Tree
    say: Callable[[str], None]
    own: str | None = None

    @property
    def requirements(self) -> tuple[str, ...]:
        """All that is installed."""
        return self.pip if self.own is None else (*self.pip, self.own)


@dataclass(frozen=True)
class Environment:
    """An environment that is ready, with the digest of its specification.

    Attributes:
        installed: Its own distributions, such as ``numpy==2.3.1, six==1.17.0``.
        site: Folder of its own packages.
        packages: Modules of each distribution in this folder; they are imported from there.
    """

    python: Path
    digest: str
    installed: str
    site: Path
    packages: dict[str, tuple[str, ...]]


@contextlib.contextmanager
def environment(spec: EnvironmentSpec, store: Path) -> Iterator[Environment]:
    """Requirements on top of another environment's packages, cached in ``store`` or built now.

    Remains of interrupted builds are removed first. An environment is cached if the same
    requirements always mean the same files. It is removed after the block if a requirement is a
    folder that git doesn't track, or that has uncommitted changes. A requirement without a version
    stays at the version of the first build. pip uses the user's own variables and configuration.

    Raises:
        ArmError: The environment can't be made, or pip failed; with its last error.
    """
    states = [state_of(requirement, spec.tree) for requirement in spec.requirements]
    parts = [
        sha256_of(FINDER),
        spec.below.digest,
        str(spec.below.path),
        *spec.pip,
        f"own {spec.own}",
    ]
    parts += [each.digest for each in states]
    digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()
    for place in locks.leftovers(store):
        if not (place / MARKER).is_file():
            shutil.rmtree(place, ignore_errors=True)
    if all(each.reusable for each in states):
        yield _cached(spec, store / digest[:DIGITS], digest)
        return
    place = store / secrets.token_hex(DIGITS // 2)
    with locks.lock(place) as lock:
        try:
            _build(spec, place, lock)
            yield _environment(place, digest, _installed(place))
        finally:
            shutil.rmtree(place, ignore_errors=True)


def _cached(spec: EnvironmentSpec, place: Path, digest: str) -> Environment:
    """The environment at a place, built if incomplete; waits for a build by another process."""
    marker = place / MARKER
    with locks.lock(place, wait=False) as lock:
        busy = lock is None
    if busy:
        spec.say(f"waiting for another process that is installing {', '.join(spec.requirements)}")
    with locks.lock(place) as lock:
        if not marker.is_file():
            try:
                _build(spec, place, lock)
                write_file(marker, json.dumps(_installed(place)))
            except BaseException:
                shutil.rmtree(place, ignore_errors=True)
                raise
        installed = json.loads(marker.read_text(encoding="utf-8"))
    return _environment(place, digest, installed)


def _environment(place: Path, digest: str, installed: str) -> Environment:
    site = _site(place)
    return Environment(_python(place), digest, installed, site, packages(site))


def _build(spec: EnvironmentSpec, place: Path, lock: int | None) -> None:
    """Make the environment at its final path, because virtual environments can't be moved."""
    below, folder = spec.below, spec.tree.folder
    spec.say(f"installing {', '.join(spec.requirements)} over {below.path}")
    shutil.rmtree(place, ignore_errors=True)
    try:
        _run([str(below.path), "-Im", "venv", "--without-pip", str(place)], folder, lock)
        # After the environment's own packages, and with editable packages of the one below.
        # The set of known paths is the caller's, Python's own reading of this file. When pip
        # isolates a build, it reads the file again with an empty set, and removes what that adds.
        lines = [
            f"import site; site.addsitedir({str(site)!a}, locals().get('known_paths'))"
            for site in below.sites
        ]
        (_site(place) / "tlbench-below.pth").write_text("\n".join(lines) + "\n", encoding="ascii")
        _add_pip(place, folder, lock)
    except (ArmError, StopIteration) as error:
        raise ArmError(
            f"{below.path}: can't make a virtual environment: {error}; expected Python's venv "
            "module (on Debian and Ubuntu: the package python3-venv)"
        ) from error
    try:
        _install(spec, place, lock)
    except ArmError as error:
        raise ArmError(f"pip={',pip='.join(spec.requirements)}: {error}") from error
    _import_first(_site(place))


def _add_pip(place: Path, folder: Path, lock: int | None) -> None:
    """Use the pip of the environment below; if it has none, the one that comes with Python."""
    python = str(_python(place))
    try:
        _run([python, "-m", "pip", "--version"], folder, lock)
    except ArmError:
        _run([python, "-Im", "ensurepip", "--default-pip"], folder, lock)
        if list(_site(place).glob(f"{BUNDLED}-*")):
            _run([python, "-Im", "pip", "uninstall", "--yes", BUNDLED], folder, lock)


def _install(spec: EnvironmentSpec, place: Path, lock: int | None) -> None:
    folder = spec.tree.folder
    pip = [str(_python(place)), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    if spec.pip:
        _run([*pip, *spec.pip], folder, lock)
    # Again: pip skips a wheel if the environment below has this version, even of another build.
    wheels = [each for each in spec.pip if (local_path(each, folder) or folder).suffix == ".whl"]
    if wheels:
        _run([*pip, "--force-reinstall", "--no-deps", *wheels], folder, lock)
    if spec.own is not None:
        _run([*pip, "--no-deps", spec.own], folder, lock)


def _import_first(site: Path) -> None:
    """Make the environment import its own packages first, whatever the import path is."""
    names = sorted({name for modules in packages(site).values() for name in modules})
    if names:
        shutil.copy(FINDER, site / f"{FINDER_NAME}.py")
        line = f"import {FINDER_NAME}; {FINDER_NAME}.install({str(site)!a}, {names!a})\n"
        (site / "tlbench-first.pth").write_text(line, encoding="ascii")


def _run(command: list[str], folder: Path, lock: int | None) -> None:
    """Run a command that ends when this process is interrupted, with all that it started.

    The command holds the lock, too: if this process is killed, others wait until it has ended.
    """
    with subprocess.Popen(  # noqa: S603 - no shell reads the arguments
        command,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        pass_fds=() if lock is None else (lock,),
        start_new_session=True,
    ) as process:
        try:
            output = process.communicate()[0]
        except BaseException:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise
    if process.returncode != 0:
        raise ArmError(last_error(output) or f"exit {process.returncode}")


def last_error(output: str) -> str:
    """The last line of pip's output that names the cause of an error, or else the last line."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    errors = [line for line in lines if _ERROR.match(line)]
    clear = [line for line in errors if not _VAGUE.search(line)]
    return (clear or errors or lines or [""])[-1]


def _python(place: Path) -> Path:
    return place / "bin" / "python"


def _site(place: Path) -> Path:
    return next(place.glob("lib/*/site-packages"))


def _installed(place: Path) -> str:
    """Name and version of each of the environment's own distributions, without pip."""
    there = metadata.distributions(path=[str(_site(place))])
    return ", ".join(sorted(f"{each.name}=={each.version}" for each in there if each.name != "pip"))
