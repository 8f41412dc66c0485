"""Checkouts of other refs: git worktrees that go when the gate does."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tlbench.gate import locks
from tlbench.gate.arms import ArmError

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Variables that a git hook has, which would point every git at the hook's own checkout.
HOOK_VARIABLES = frozenset(
    f"GIT_{name}"
    for name in ("DIR", "WORK_TREE", "INDEX_FILE", "PREFIX", "COMMON_DIR", "OBJECT_DIRECTORY")
)
#: File beside a worktree that says whose it is: the path of the repository's ``.git`` folder.
OWNER = "repository"


@dataclass(frozen=True)
class Tree:
    """A checkout.

    Attributes:
        folder: Where in it pytest starts: where the user stands in their own checkout.
        commit: sha of the commit; None outside a git repository.
        changes: Digest of what isn't committed; None where all is.
    """

    root: Path
    folder: Path
    commit: str | None
    changes: str | None

    def tracks(self, path: Path) -> bool:
        """Whether ``commit`` and ``changes`` say what is in a folder; not of one git ignores."""
        if self.commit is None or not path.resolve().is_relative_to(self.root.resolve()):
            return False
        return bool(_git(self.root, "ls-files", "--", str(path.resolve())))


def working_tree(cwd: Path) -> Tree:
    """The checkout as it is. What git ignores isn't seen; a submodule's commit is.

    Outside a git repository ``changes`` is another for every process: nothing tells whether files
    changed from one process to the next.
    """
    try:
        root = Path(_git(cwd, "rev-parse", "--show-toplevel"))
    except ArmError:
        process = psutil.Process()
        changes = f"unknown: process {process.pid} of {process.create_time()}"
        return Tree(cwd, cwd, None, changes)
    with contextlib.suppress(ArmError):
        return Tree(root, cwd, _git(root, "rev-parse", "--verify", "HEAD"), _changes(root))
    raise ArmError(f"{root}: the repository has no commit; expected one, to tell states apart")


@contextlib.contextmanager
def worktree(cwd: Path, ref: str, name: str, store: Path) -> Iterator[Tree]:
    """A ref in a fresh checkout, ``name`` in the folder ``store``, removed after the block.

    Worktrees that killed processes left are removed first; those of living ones are left alone.
    Submodules aren't populated, and no hooks run. ``cwd`` is a folder in the repository; the same
    one of the checkout is yielded as ``Tree.folder``.

    Raises:
        ArmError: No git, no repository, no such ref, or no such folder in it.
    """
    top = Path(_git(cwd, "rev-parse", "--show-toplevel"))
    commit = _commit(cwd, ref)
    common = (cwd / _git(cwd, "rev-parse", "--git-common-dir")).resolve()
    remove_leftovers(store)
    place = store / secrets.token_hex(4)
    with locks.lock(place):
        try:
            place.mkdir()
            (place / OWNER).write_text(str(common), encoding="utf-8")
            root = place / name
            _git(
                top, "-c", f"core.hooksPath={os.devnull}",
                "worktree", "add", "--detach", "--quiet", str(root), commit,
            )  # fmt: skip
            folder = root / cwd.resolve().relative_to(top.resolve())
            if not folder.is_dir():
                raise ArmError(f"ref={ref}: has no folder {folder.relative_to(root)}; start higher")
            yield Tree(root, folder, commit, None)
        finally:
            _remove(place)


def remove_leftovers(store: Path) -> None:
    """Remove worktrees whose processes were killed."""
    for place in locks.leftovers(store):
        _remove(place)


def _remove(place: Path) -> None:
    """Remove a worktree, and what its repository knows of it, as far as both are there."""
    owner = place / OWNER
    common = Path(owner.read_text(encoding="utf-8")) if owner.is_file() else place
    roots = [path for path in place.iterdir() if path.is_dir()] if place.is_dir() else []
    for root in roots:
        # Files first: git refuses to remove a half-made worktree, but forgets a missing one. Where
        # git was killed while it made the worktree, that is locked: hence force, twice.
        shutil.rmtree(root, ignore_errors=True)
        with contextlib.suppress(ArmError):
            _git(common, "worktree", "remove", "--force", "--force", str(root))
    shutil.rmtree(place, ignore_errors=True)
    with contextlib.suppress(ArmError):
        _git(common, "worktree", "prune")


def _commit(cwd: Path, ref: str) -> str:
    if ref.startswith("-"):
        raise ArmError(f"ref={ref}: not a ref; expected a branch, tag or commit")
    try:
        return _git(cwd, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    except ArmError as error:
        raise ArmError(
            f"ref={ref}: no such commit in {cwd}; expected a branch, tag or commit that git "
            "rev-parse knows (in a shallow or single-branch clone, git fetch it first)"
        ) from error


def _changes(root: Path) -> str | None:
    """Digest of differences from the commit, and of files that git neither tracks nor ignores."""
    diff = _git(root, "diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv", "--no-color")
    names = _git(root, "ls-files", "--others", "--exclude-standard", "-z").split("\0")
    new = [root / name for name in sorted(names) if name]
    if not diff and not new:
        return None
    digest = hashlib.sha256(os.fsencode(diff))
    for path in new:
        with contextlib.suppress(OSError):  # gone meanwhile, a dangling link, another repository
            digest.update(os.fsencode(path.relative_to(root)) + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _git(folder: Path, *arguments: str) -> str:
    """What git prints, without the line's end; an ``ArmError`` has what it said last."""
    environ = {key: text for key, text in os.environ.items() if key not in HOOK_VARIABLES}
    try:
        done = subprocess.run(  # noqa: S603 - arguments are checked, and no shell reads them
            ["git", *arguments],  # noqa: S607 - the user's git
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
        )
    except FileNotFoundError as error:
        missing = "git: not found on the PATH" if folder.is_dir() else f"{folder}: no such folder"
        raise ArmError(f"{missing}; a ref is checked out by git, in the repository") from error
    if done.returncode != 0:
        said = os.fsdecode(done.stderr).strip().splitlines() or [f"exit {done.returncode}"]
        raise ArmError(f"git {arguments[0]} in {folder}: {said[-1]}")
    return os.fsdecode(done.stdout).removesuffix("\n")
