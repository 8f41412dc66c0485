"""The commits between two refs that a bisection searches."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tlbench.gate.arms import ArmError
from tlbench.gate.git import git

if TYPE_CHECKING:
    from pathlib import Path

#: Digits of a shortened sha.
SHORT = 10
#: sha, author date, parents and subject, as git prints them.
_FORMAT = "--format=%H%x00%as%x00%P%x00%s"


@dataclass(frozen=True)
class Commit:
    """A commit: ``date`` is the author's, such as 2026-11-28."""

    sha: str
    date: str
    parents: tuple[str, ...]
    subject: str

    @property
    def short(self) -> str:
        """The shortened sha, as it is shown."""
        return self.sha[:SHORT]

    @property
    def is_merge(self) -> bool:
        """Whether it has several parents."""
        return len(self.parents) > 1


def commits_between(cwd: Path, good: str, bad: str) -> tuple[Commit, ...]:
    """The commits from ``good`` to ``bad``, including both, the oldest first.

    They are the first-parent commits of ``bad`` that have ``good`` in their history. So a merge is
    one step, with all commits that it merged.

    Raises:
        ArmError: No such ref, both are the same commit, or ``good`` isn't an ancestor of ``bad``.
    """
    first, last = (_commit(cwd, option, ref) for option, ref in (("good", good), ("bad", bad)))
    if first == last:
        raise ArmError(f"--good {good} and --bad {bad}: both are {first.short}; expected two")
    between = f"{first.sha}..{last.sha}"
    descendants = set(git(cwd, "rev-list", "--ancestry-path", between).split())
    line = _read(git(cwd, "log", _FORMAT, "--first-parent", "--reverse", between))
    later = tuple(each for each in line if each.sha in descendants)
    if not later:
        raise ArmError(_unrelated(cwd, first, last))
    return first, *later


def _unrelated(cwd: Path, good: Commit, bad: Commit) -> str:
    what = f"--good {good.short}: not an ancestor of --bad {bad.short}"
    try:
        base = git(cwd, "merge-base", good.sha, bad.sha)
    except ArmError:
        return f"{what}, and they have no commit in common; expected two commits of one history"
    if base == bad.sha:
        return f"{what}, but a later commit; exchange the two"
    return f"{what}; expected an ancestor, such as their merge base {base[:SHORT]}"


def _commit(cwd: Path, option: str, ref: str) -> Commit:
    try:
        sha = git(cwd, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{ref}^{{commit}}")
    except ArmError as error:
        git(cwd, "rev-parse", "--show-toplevel")  # no repository is another error
        raise ArmError(
            f"--{option} {ref}: no such commit in {cwd}; expected a branch, tag or commit that git "
            "rev-parse knows (in a shallow or single-branch clone, git fetch it first)"
        ) from error
    # rev-parse prints what ends the options, too.
    (commit,) = _read(git(cwd, "log", "-1", _FORMAT, sha.splitlines()[-1]))
    return commit


def _read(text: str) -> list[Commit]:
    lines = [line.split("\0", 3) for line in text.split("\n") if line]
    return [Commit(sha, date, tuple(parents.split()), what) for sha, date, parents, what in lines]
