"""Run the user's git, also if a git hook started this process."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

from tlbench.gate.arms import ArmError

if TYPE_CHECKING:
    from pathlib import Path

#: Variables of a git hook, which would make every git use the hook's checkout.
HOOK_VARIABLES = frozenset(
    f"GIT_{name}"
    for name in ("DIR", "WORK_TREE", "INDEX_FILE", "PREFIX", "COMMON_DIR", "OBJECT_DIRECTORY")
)
#: Options with which no hook of the repository runs.
NO_HOOKS = ("-c", f"core.hooksPath={os.devnull}")


def git(folder: Path, *arguments: str) -> str:
    """The output of git, without the line's end.

    Raises:
        ArmError: git isn't installed, or failed; with its last fatal error, or its last line.
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
    """The name of git's command, without options of git itself."""
    rest = list(arguments)
    while rest[0] == "-c":
        del rest[:2]
    return rest[0]
