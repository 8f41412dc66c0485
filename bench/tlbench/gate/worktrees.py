"""Checkouts of other refs: git worktrees that are removed when the gate ends."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import secrets
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from tlbench import locks
from tlbench.gate.arms import ArmError
from tlbench.gate.git import NO_HOOKS, git
from tlbench.gate.submodules import populate
from tlbench.gate.tree_paths import equal_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: File in a worktree's place that says what to remove: see ``_Record``.
RECORD = "worktree.json"


@dataclass(frozen=True)
class Tree:
    """A checkout.

    Attributes:
        folder: Where pytest starts: the user's current folder, in this checkout.
        commit: sha of the commit; None outside a git repository.
        changes: Digest of uncommitted changes; None if there are none.
    """

    root: Path
    folder: Path
    commit: str | None
    changes: str | None

    def tracks(self, path: Path) -> bool:
        """Whether ``commit`` and ``changes`` cover a folder; not if git ignores it."""
        if self.commit is None or not path.resolve().is_relative_to(self.root.resolve()):
            return False
        return bool(git(self.root, "ls-files", "--", str(path.resolve())))


def working_tree(cwd: Path) -> Tree:
    """The checkout as it is. ``changes`` includes commits of submodules, but no ignored files.

    Outside a git repository, ``changes`` differs for every process, because changes of files can't
    be recognised.
    """
    try:
        root = Path(git(cwd, "rev-parse", "--show-toplevel"))
    except ArmError:
        process = psutil.Process()
        changes = f"unknown: process {process.pid} of {process.create_time()}"
        return Tree(cwd, cwd, None, changes)
    with contextlib.suppress(ArmError):
        return Tree(root, cwd, git(root, "rev-parse", "--verify", "HEAD"), _changes(root))
    raise ArmError(f"{root}: the repository has no commit; expected one: commit your files first")


@contextlib.contextmanager
def worktree(
    cwd: Path,
    ref: str,
    name: str,
    store: Path,
    *,
    model: Path | None = None,
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[Tree]:
    """A ref in a fresh checkout, removed after the block.

    Worktrees of killed processes are removed first. Submodules are populated from the user's own
    clones of them, and no hooks run.

    Args:
        cwd: A folder in the repository; the same folder of the checkout is ``Tree.folder``.
        ref: A branch, tag or commit.
        name: The checkout's name in ``store``, if there is no ``model``.
        store: Folder of all worktrees, or of records of those in other places.
        model: The checkout's path has as many characters and folders as this one, if possible.
        say: Gets a line if a submodule stays empty.

    Raises:
        ArmError: No git, no repository, or no such ref.
    """
    top = Path(git(cwd, "rev-parse", "--show-toplevel"))
    commit = _commit(cwd, ref)
    common = (cwd / git(cwd, "rev-parse", "--git-common-dir")).resolve()
    remove_leftovers(store)
    place = store.resolve() / secrets.token_hex(4)
    with locks.lock(place):
        try:
            place.mkdir()
            root, first = (model and equal_path(model, place)) or (place / name, place / name)
            record = {"repository": str(common), "root": str(root), "first": str(first)}
            (place / RECORD).write_text(json.dumps(record), encoding="utf-8")
            root.parent.mkdir(parents=True, exist_ok=True)
            git(top, *NO_HOOKS, "worktree", "add", "--detach", "--quiet", str(root), commit)
            folder = root / cwd.resolve().relative_to(top.resolve())
            populate(root, top, say)
            folder.mkdir(parents=True, exist_ok=True)  # empty if the ref lacks it
            yield Tree(root, folder, commit, None)
        finally:
            _remove(place)


def remove_leftovers(store: Path) -> None:
    """Remove worktrees whose processes were killed."""
    for place in locks.leftovers(store):
        _remove(place)


def _remove(place: Path) -> None:
    """Remove a worktree and the repository's record of it, if they exist."""
    with contextlib.suppress(OSError, ValueError):  # nothing was made yet
        record = json.loads((place / RECORD).read_text(encoding="utf-8"))
        common, root, first = (Path(record[key]) for key in ("repository", "root", "first"))
        # Files first: git refuses to remove an incomplete worktree, but forgets a missing one. If
        # git was killed while it made the worktree, the worktree is locked: hence force, twice.
        if root.is_relative_to(place) or _is_worktree(root, common):
            # With what benchmarks wrote beside it: folders from the first on were made for it.
            shutil.rmtree(first if root.is_relative_to(first) else root, ignore_errors=True)
        with contextlib.suppress(ArmError):
            git(common, "worktree", "remove", "--force", "--force", str(root))
        for folder in (root, *root.parents):
            if not folder.is_relative_to(first):
                break
            with contextlib.suppress(OSError):  # only empty folders
                folder.rmdir()
        with contextlib.suppress(ArmError):
            git(common, "worktree", "prune")
    shutil.rmtree(place, ignore_errors=True)


def _is_worktree(root: Path, common: Path) -> bool:
    """Whether the folder is still a worktree of this repository, and nothing newer.

    Either the worktree or the repository says so: the other may be missing or incomplete.
    """
    with contextlib.suppress(OSError):
        if (root / ".git").read_text(encoding="utf-8").startswith(f"gitdir: {common}/"):
            return True
    known = (path.read_text(encoding="utf-8") for path in common.glob("worktrees/*/gitdir"))
    return str(root / ".git") in {text.strip() for text in known}


def _commit(cwd: Path, ref: str) -> str:
    if ref.startswith("-"):
        raise ArmError(f"ref={ref}: not a ref; expected a branch, tag or commit")
    try:
        return git(cwd, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    except ArmError as error:
        expected = "expected a branch, tag or commit that git rev-parse knows"
        if git(cwd, "rev-parse", "--is-shallow-repository") == "true":
            expected = "this clone is shallow: run git fetch --unshallow first"
        elif "/" not in ref:
            expected += f" (in a single-branch clone, run git fetch origin {ref}:{ref} first)"
        raise ArmError(f"ref={ref}: no such commit in {cwd}; {expected}") from error


def _changes(root: Path) -> str | None:
    """Digest of differences from the commit, with files that git neither tracks nor ignores."""
    diff = git(root, "diff", "HEAD", "--binary", "--no-ext-diff", "--no-textconv", "--no-color")
    names = git(root, "ls-files", "--others", "--exclude-standard", "-z").split("\0")
    new = [root / name for name in sorted(names) if name]
    if not diff and not new:
        return None
    digest = hashlib.sha256(os.fsencode(diff))
    for path in new:
        with contextlib.suppress(OSError):  # gone meanwhile, a dangling link, another repository
            digest.update(os.fsencode(path.relative_to(root)) + b"\0" + path.read_bytes())
    return digest.hexdigest()
