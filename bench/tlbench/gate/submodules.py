"""Submodules of a worktree, from the user's own clones of them, without a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tlbench.gate.arms import ArmError
from tlbench.gate.git import NO_HOOKS, git

if TYPE_CHECKING:
    from collections.abc import Callable

#: How git marks a submodule's commit in a tree.
_COMMIT_MODE = "160000"


def populate(
    tree: Path, source: Path, say: Callable[[str], None], modules: Path | None = None
) -> None:
    """Check out the submodules of a fresh checkout, and their submodules.

    It is fast, because clones share their files with the user's clones. Submodules that are empty
    in the user's own checkout stay empty; a line names them.

    Args:
        tree: The checkout, whose submodules are empty folders.
        source: The user's checkout of the same repository.
        say: Gets a line for each submodule that stays empty.
        modules: Folder in which the repository keeps clones of submodules.

    Raises:
        ArmError: The user's clone of a submodule lacks the commit.
    """
    commits = _commits(tree)
    if commits and modules is None:
        modules = (source / git(source, "rev-parse", "--git-common-dir")).resolve() / "modules"
    for path, commit in commits:
        clone = _clone(source / path, modules / path if modules else None)
        if clone is None:
            say(f"submodule {path}: empty, because it is empty in {source}")
            continue
        try:
            git(clone, "cat-file", "-e", f"{commit}^{{commit}}")
        except ArmError as error:
            raise ArmError(
                f"submodule {path}: {clone} lacks the commit {commit[:12]}; get it by: "
                f"git -C {source / path} fetch"
            ) from error
        git(tree, *NO_HOOKS, "clone", "--quiet", "--shared", "--no-checkout", str(clone), path)
        git(tree / path, *NO_HOOKS, "checkout", "--quiet", "--detach", commit)
        populate(tree / path, source / path, say, clone / "modules")


def _commits(tree: Path) -> list[tuple[str, str]]:
    """Path and commit of each submodule of what is checked out."""
    if not (tree / ".gitmodules").is_file():
        return []
    entries = git(tree, "ls-tree", "-r", "-z", "HEAD").split("\0")
    fields = (entry.partition("\t") for entry in entries if entry.startswith(_COMMIT_MODE))
    return [(path, about.split()[2]) for about, _, path in fields]


def _clone(checkout: Path, kept: Path | None) -> Path | None:
    """The git folder of the user's clone of a submodule; None if there is none.

    The repository keeps clones of submodules that the user's checkout no longer has, under the name
    by which they were added. This is the path, unless the submodule was moved.
    """
    if (checkout / ".git").exists():
        return Path(git(checkout, "rev-parse", "--absolute-git-dir"))
    return kept if kept and (kept / "HEAD").is_file() else None
