"""Packages that pip installed for an arm are imported from there, before any other copy.

This file is copied into the arm's environment, which imports it at its start; it imports only the
standard library. pytest puts folders of a checkout first on the path, ``python -m`` the working
directory, ``PYTHONPATH`` others: all of them may have an unbuilt copy of the same package.
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


#: Packages within a package with tests, which run the code that is measured.
TESTS = ("bench", "benchmark", "benchmarks", "test", "tests")


class InstalledFirst:
    """A finder of exactly these modules, such as ``numpy`` or ``google.protobuf``, in one folder.

    Parents of dotted names are namespace packages, which other folders may have parts of. Tests
    within a package are imported from the checkout, if it has them: pytest's arguments are there.
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
        *parents, last = fullname.split(".")
        if fullname in self.names:
            folders = [self.site]
        elif last in TESTS and self._has(parents):
            folders = [each for each in sys.path if each != self.site]
        else:
            return None
        inner = [os.path.join(each, *parents) for each in folders]  # noqa: PTH118 - before pathlib
        return PathFinder.find_spec(fullname, inner, target)

    def _has(self, parents: list[str]) -> bool:
        """Whether a module with these parents lies in one of this finder's packages."""
        counts = range(1, len(parents) + 1)
        return any(".".join(parents[:count]) in self.names for count in counts)


def install(site: str, names: Iterable[str]) -> None:
    """Ask this finder first."""
    finders: list[Any] = sys.meta_path
    finders.insert(0, InstalledFirst(site, names))


def ask_first() -> None:
    """Ask this finder before those that came later, such as pytest's, if there is one."""
    name = InstalledFirst.__name__  # imported under another name, it is another class
    sys.meta_path.sort(key=lambda each: type(each).__name__ != name)
