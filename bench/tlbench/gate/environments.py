"""Environments for ``pip=``: requirements installed over another environment, built once.

Such an environment is a virtual one of its own that finds the packages of the one below after its
own. So only what differs is installed, what is installed wins, and what is installed editable
below still works.
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
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from tlbench.gate import locks
from tlbench.gate.arms import ArmError
from tlbench.runs.files import sha256_of, write_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tlbench.gate.interpreters import Interpreter
    from tlbench.gate.worktrees import Tree

#: Written last, with what was installed: an environment without it is half built, or temporary.
MARKER = "tlbench-whole.json"
#: Digits of an environment's name; all have as many, so that paths have equal lengths.
DIGITS = 16
#: What virtual environments come with, depending on Python's version; the one below has its own.
BUNDLED = "setuptools"
#: Endings that make pip take a requirement for a file.
ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar")


@dataclass(frozen=True)
class EnvironmentSpec:
    """Requirements over an interpreter's packages; paths are relative to ``tree.folder``.

    ``say`` is called with a line when something that takes long begins.
    """

    below: Interpreter
    pip: tuple[str, ...]
    tree: Tree
    say: Callable[[str], None]


@dataclass(frozen=True)
class Environment:
    """An environment that is ready, with the digest of its specification.

    ``installed`` lies over what is below, such as ``numpy==2.3.1, six==1.17.0``.
    """

    python: Path
    digest: str
    installed: str


@contextlib.contextmanager
def environment(spec: EnvironmentSpec, store: Path) -> Iterator[Environment]:
    """Requirements over another environment's packages, from the folder ``store`` or built now.

    What interrupted builds left is removed first. An environment is cached if the same
    requirements mean the same files: with a folder that git doesn't know, or knows to have
    changed, it is removed after the block. A requirement without a version is what it was when
    first built. pip runs with the user's own variables and configuration.

    Raises:
        ArmError: The environment can't be made, or pip failed: its last error.
    """
    states = [state_of(requirement, spec.tree) for requirement in spec.pip]
    parts = [spec.below.digest, str(spec.below.path), *spec.pip]
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
            yield Environment(_python(place), digest, _installed(place))
        finally:
            shutil.rmtree(place, ignore_errors=True)


def _cached(spec: EnvironmentSpec, place: Path, digest: str) -> Environment:
    """The environment at a place, built where it isn't whole; another's build is waited for."""
    marker = place / MARKER
    with locks.lock(place, wait=False) as lock:
        busy = lock is None
    if busy:
        spec.say(f"waiting for another process that is installing {', '.join(spec.pip)}")
    with locks.lock(place) as lock:
        if not marker.is_file():
            try:
                _build(spec, place, lock)
                write_file(marker, json.dumps(_installed(place)))
            except BaseException:
                shutil.rmtree(place, ignore_errors=True)
                raise
        installed = json.loads(marker.read_text(encoding="utf-8"))
    return Environment(_python(place), digest, installed)


def _build(spec: EnvironmentSpec, place: Path, lock: int | None) -> None:
    """Make the environment at its final path, as virtual environments can't be moved."""
    below, folder = spec.below, spec.tree.folder
    spec.say(f"installing {', '.join(spec.pip)} over {below.path}")
    shutil.rmtree(place, ignore_errors=True)
    try:
        _run([str(below.path), "-Im", "venv", str(place)], folder, lock)
        if list(_site(place).glob(f"{BUNDLED}-*")):
            _run([str(_python(place)), "-Im", "pip", "uninstall", "--yes", BUNDLED], folder, lock)
    except (ArmError, StopIteration) as error:
        raise ArmError(
            f"{below.path}: can't make a virtual environment: {error}; expected Python's venv "
            "module (on Debian and Ubuntu: the package python3-venv)"
        ) from error
    # After the environment's own packages, and with what is installed editable below.
    lines = [f"import site; site.addsitedir({str(site)!a})" for site in below.sites]
    (_site(place) / "tlbench-below.pth").write_text("\n".join(lines) + "\n", encoding="ascii")
    pip = [str(_python(place)), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]
    # Once more: pip passes over a wheel whose version the environment below has, such as another
    # build of it.
    wheels = [each for each in spec.pip if (local_path(each, folder) or folder).suffix == ".whl"]
    try:
        _run([*pip, *spec.pip], folder, lock)
        if wheels:
            _run([*pip, "--force-reinstall", "--no-deps", *wheels], folder, lock)
    except ArmError as error:
        raise ArmError(f"pip={',pip='.join(spec.pip)}: {error}") from error


def _run(command: list[str], folder: Path, lock: int | None) -> None:
    """Run a command that ends when this process is interrupted, with all that it started.

    It holds the lock too: were this process killed, the next one waits until it no longer writes.
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
        lines = [line.strip() for line in output.splitlines() if line.strip()]
        errors = [line for line in lines if line.lower().startswith("error")]
        raise ArmError((errors or lines or [f"exit {process.returncode}"])[-1])


def _python(place: Path) -> Path:
    return place / "bin" / "python"


def _site(place: Path) -> Path:
    return next(place.glob("lib/*/site-packages"))


def _installed(place: Path) -> str:
    """Name and version of each distribution that isn't below, without pip itself."""
    there = metadata.distributions(path=[str(_site(place))])
    return ", ".join(sorted(f"{each.name}=={each.version}" for each in there if each.name != "pip"))


@dataclass(frozen=True)
class State:
    """What tells one state of a requirement from another.

    Attributes:
        digest: Empty for what is looked up: its text is all that is known.
        reusable: Whether the same digest always means the same files, so that what is built from
            them may be used again.
    """

    digest: str
    reusable: bool


def local_path(requirement: str, folder: Path) -> Path | None:
    """The file or folder that a requirement names; None for one that pip looks up.

    It is as pip takes it: ``numpy>=2``, ``.[extra]``, ``dist/a.whl``, ``a @ file:///b``.
    """
    text = re.sub(r"^[\w.-]+(\[[^\]]*\])?\s*@\s*", "", requirement)
    text = re.sub(r"\[[^\]]*\]$", "", text)
    if text.startswith("file:"):
        return folder / unquote(urlparse(text).path)
    if "://" in text:
        return None
    is_path = text.startswith(".") or "/" in text or text.endswith(ARCHIVES)
    return folder / text if is_path else None


def state_of(requirement: str, tree: Tree) -> State:
    """What is known of a requirement of an arm with this checkout, in whose folder pip runs.

    Raises:
        ArmError: It names a file or folder that isn't there.
    """
    path = local_path(requirement, tree.folder)
    if path is None:
        return State("", reusable=True)
    if path.is_file():
        return State(sha256_of(path), reusable=True)
    if not path.is_dir():
        raise ArmError(
            f"pip={requirement}: no file or folder {path}; expected one, relative to the arm's "
            "own checkout, or an absolute path"
        )
    if tree.tracks(path):
        return State(f"{tree.commit} {tree.changes}", reusable=tree.changes is None)
    return State(secrets.token_hex(16), reusable=False)
