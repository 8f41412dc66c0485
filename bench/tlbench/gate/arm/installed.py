"""What pip installed for an arm is imported from there, wherever else such modules lie.

This file is copied into the arm's environment, which starts with it, and imports nothing but the
standard library. pytest puts folders of a checkout first on the path, ``python -m`` the working
directory, a user's ``PYTHONPATH`` others: all of them may have an unbuilt copy of the same package.
"""

from __future__ import annotations

import os
import sys
from importlib.machinery import PathFinder
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class InstalledFirst:
    """A finder of exactly these modules, such as ``numpy`` or ``google.protobuf``, in one folder.

    Parents of dotted names are namespace packages, which others may have parts of.
    """

    def __init__(self, site: str, names: Iterable[str]) -> None:
        self.site, self.names = site, frozenset(names)

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,  # noqa: ARG002 - a finder's signature
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        """Where the module is; None for any other."""
        if fullname not in self.names:
            return None
        folder = os.path.join(self.site, *fullname.split(".")[:-1])  # noqa: PTH118 - before pathlib
        return PathFinder.find_spec(fullname, [folder], target)


def install(site: str, names: Iterable[str]) -> None:
    """Ask this finder first."""
    finders: list[Any] = sys.meta_path
    finders.insert(0, InstalledFirst(site, names))


def ask_first() -> None:
    """Ask this finder before those that came later, such as pytest's, if there is one."""
    name = InstalledFirst.__name__  # imported under another name, it is another class
    sys.meta_path.sort(key=lambda each: type(each).__name__ != name)
