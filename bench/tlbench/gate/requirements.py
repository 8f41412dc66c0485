"""Requirements of ``pip=``: a name that pip looks up, or a file or folder."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from tlbench.gate.arms import ArmError
from tlbench.gate.builds import canonical
from tlbench.runs.files import sha256_of

if TYPE_CHECKING:
    from pathlib import Path

    from tlbench.gate.worktrees import Tree

#: Endings that make pip take a requirement for a file.
ARCHIVES = (".whl", ".zip", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".tar")


@dataclass(frozen=True)
class State:
    """The state of a requirement: whether its files are the same as before.

    Attributes:
        digest: Empty if pip looks the requirement up: only its text is known.
        reusable: Whether the same digest always means the same files, so that a build of them can
            be used again.
    """

    digest: str
    reusable: bool


def local_path(requirement: str, folder: Path) -> Path | None:
    """The file or folder that a requirement names; None if pip looks it up.

    Requirements have pip's forms: ``numpy>=2``, ``.[extra]``, ``dist/a.whl``, ``a @ file:///b``.
    """
    text = re.sub(r"^[\w.-]+(\[[^\]]*\])?\s*@\s*", "", requirement)
    text = re.sub(r"\[[^\]]*\]$", "", text)
    if text.startswith("file:"):
        return folder / unquote(urlparse(text).path)
    if "://" in text:
        return None
    is_path = text.startswith(".") or "/" in text or text.endswith(ARCHIVES)
    return folder / text if is_path else None


def distribution_of(requirement: str) -> str:
    """The canonical name of the distribution that a requirement names; empty for a path."""
    if requirement.endswith(".whl"):
        return canonical(PurePath(requirement).name.partition("-")[0])
    name = re.match(r"[A-Za-z0-9][\w.-]*(?=\s*(\[[^\]]*\]\s*)?($|[=<>!~;@]))", requirement)
    return canonical(name[0]) if name and not requirement.endswith(ARCHIVES) else ""


def state_of(requirement: str, tree: Tree) -> State:
    """The state of a requirement of the arm with this checkout, in whose folder pip runs.

    Raises:
        ArmError: The requirement names a file or folder that doesn't exist.
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
