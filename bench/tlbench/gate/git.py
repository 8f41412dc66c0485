"""Run git, as it is on the user's path, whatever hook this process was started by."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from tlbench.gate.arms import ArmError

if TYPE_CHECKING:
    from pathlib import Path

#: Variables that a git hook has, which would point every git at the hook's own checkout.
HOOK_VARIABLES = frozenset(
    f"GIT_{name}"
    for name in ("DIR", "WORK_TREE", "INDEX_FILE", "PREFIX", "COMMON_DIR", "OBJECT_DIRECTORY")
)
#: Options with which no hook of the repository runs.
NO_HOOKS = ("-c", f"core.hooksPath={os.devnull}")


def git(folder: Path, *arguments: str) -> str:
    """What git prints, without the line's end.

    Raises:
        ArmError: git isn't there, or failed: its first error, or what it said last.
    """
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
        fatal = [line for line in said if line.startswith("fatal: ")]
        raise ArmError(f"git {_command(arguments)} in {folder}: {(fatal or said)[-1]}")
    return os.fsdecode(done.stdout).removesuffix("\n")


def _command(arguments: tuple[str, ...]) -> str:
    """The name of git's command, which options of git itself may precede."""
    rest = list(arguments)
    while rest[0] == "-c":
        del rest[:2]
    return rest[0]
