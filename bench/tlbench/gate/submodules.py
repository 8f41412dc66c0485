"""Submodules of a worktree, from the user's own clones of them: without network."""

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
    """Check out the submodules of a fresh checkout, and theirs.

    Clones share their files with the user's, so that this is quick. What the user's own checkout
    hasn't populated is left out, with a line.

    Args:
        tree: The checkout, whose submodules are empty folders.
        source: The user's checkout of the same repository.
        say: Gets a line for each submodule that is left out.
        modules: Where the repository keeps clones of submodules.

    Raises:
        ArmError: The user's clone of a submodule lacks the commit.
    """
    commits = _commits(tree)
    if commits and modules is None:
        modules = (source / git(source, "rev-parse", "--git-common-dir")).resolve() / "modules"
    for path, commit in commits:
        clone = _clone(source / path, modules / path if modules else None)
        if clone is None:
            say(f"submodule {path}: left empty, as it is in {source}")
            continue
        try:
            git(clone, "cat-file", "-e", f"{commit}^{{commit}}")
        except ArmError as error:
            raise ArmError(
                f"submodule {path}: {clone} lacks the commit {commit[:12]}; expected it: "
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
    """Where the user's clone of a submodule has its objects; None where there is none.

    A submodule that the user's checkout no longer has is still kept by the repository, under the
    name that it was added by, which is its path unless it was moved.
    """
    if (checkout / ".git").exists():
        return Path(git(checkout, "rev-parse", "--absolute-git-dir"))
    return kept if kept and (kept / "HEAD").is_file() else None
