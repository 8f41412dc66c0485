"""Checkouts of other refs: git worktrees that go when the gate does."""

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

from tlbench.gate import locks
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
        return bool(git(self.root, "ls-files", "--", str(path.resolve())))


def working_tree(cwd: Path) -> Tree:
    """The checkout as it is. What git ignores isn't seen; a submodule's commit is.

    Outside a git repository ``changes`` is another for every process: nothing tells whether files
    changed from one process to the next.
    """
    try:
        root = Path(git(cwd, "rev-parse", "--show-toplevel"))
    except ArmError:
        process = psutil.Process()
        changes = f"unknown: process {process.pid} of {process.create_time()}"
        return Tree(cwd, cwd, None, changes)
    with contextlib.suppress(ArmError):
        return Tree(root, cwd, git(root, "rev-parse", "--verify", "HEAD"), _changes(root))
    raise ArmError(f"{root}: the repository has no commit; expected one, to tell states apart")


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

    Worktrees that killed processes left are removed first; those of living ones are left alone.
    Submodules are populated from the user's own clones of them, and no hooks run.

    Args:
        cwd: A folder in the repository; the same one of the checkout is yielded as
            ``Tree.folder``.
        ref: A branch, tag or commit.
        name: The checkout's in ``store``, where no ``model`` is to be matched.
        store: Folder of all worktrees, or of what is known of those that lie elsewhere.
        model: The checkout's path has as many characters and folders as this one, if possible.
        say: Gets a line where something is left out.

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
            folder.mkdir(parents=True, exist_ok=True)  # where a ref lacks it, nothing is in it
            yield Tree(root, folder, commit, None)
        finally:
            _remove(place)


def remove_leftovers(store: Path) -> None:
    """Remove worktrees whose processes were killed."""
    for place in locks.leftovers(store):
        _remove(place)


def _remove(place: Path) -> None:
    """Remove a worktree, and what its repository knows of it, as far as both are there."""
    with contextlib.suppress(OSError, ValueError):  # nothing was made yet
        record = json.loads((place / RECORD).read_text(encoding="utf-8"))
        common, root, first = (Path(record[key]) for key in ("repository", "root", "first"))
        # Files first: git refuses to remove a half-made worktree, but forgets a missing one. Where
        # git was killed while it made the worktree, that is locked: hence force, twice.
        if root.is_relative_to(place) or _is_worktree(root, common):
            shutil.rmtree(root, ignore_errors=True)
        with contextlib.suppress(ArmError):
            git(common, "worktree", "remove", "--force", "--force", str(root))
        for folder in (root, *root.parents):
            if not folder.is_relative_to(first):
                break
            with contextlib.suppress(OSError):  # never what has anything in it
                folder.rmdir()
        with contextlib.suppress(ArmError):
            git(common, "worktree", "prune")
    shutil.rmtree(place, ignore_errors=True)


def _is_worktree(root: Path, common: Path) -> bool:
    """Whether it is one of this repository still, and nothing that came to lie there since.

    The worktree says so, or the repository: git may have been killed, or the repository be gone.
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
            expected = "this clone is shallow: expected git fetch --unshallow first"
        elif "/" not in ref:
            expected += f" (in a clone of a single branch: git fetch origin {ref}:{ref} first)"
        raise ArmError(f"ref={ref}: no such commit in {cwd}; {expected}") from error


def _changes(root: Path) -> str | None:
    """Digest of differences from the commit, and of files that git neither tracks nor ignores."""
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
