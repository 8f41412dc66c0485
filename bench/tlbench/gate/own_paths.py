"""Absolute paths in pytest's arguments, which stand for paths in each arm's own checkout."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tlbench.gate.arm_setup import ReadyArm

#: What stands before a path in an argument: ``--option=``, ``name=`` after ``-o``, ``-c``.
_BEFORE = re.compile(r"(?:--?[\w-]+=|[\w-]+=|-[a-zA-Z])?(?=/)")


def own_arguments(arguments: Iterable[str], arm: ReadyArm) -> list[str]:
    """Arguments of pytest for one arm, from the user's arguments for both."""
    return [own_path(each, arm.top, arm.tree.root) for each in arguments]


def own_path(argument: str, top: Path, root: Path) -> str:
    """An argument in whose path the user's checkout ``top`` is replaced by the arm's, ``root``.

    Other arguments stay as they are, also paths outside the checkout, which are the same for both
    arms. Links to the checkout are followed.
    """
    before = _BEFORE.match(argument)
    if before is None or top == root:
        return argument
    path, colons, names = argument[before.end() :].partition("::")
    for absolute in (os.path.normpath(path), os.path.realpath(path)):
        if Path(absolute).is_relative_to(top):
            within = os.path.relpath(absolute, top)
            return before[0] + os.path.normpath(root / within) + colons + names
    return argument
