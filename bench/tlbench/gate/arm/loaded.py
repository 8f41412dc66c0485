"""Which files an arm's packages were imported from."""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from importlib import metadata
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection
    from types import ModuleType

#: Packages that run the benchmarks and aren't measured.
RUNNING = {"__main__", "_pytest", "pytest", "pytest_benchmark", "tlbench_arm", "tlbench_installed"}
#: Modules by which packages that are installed editable are found: ``__editable___x_finder`` of
#: setuptools, ``_editable_impl_x`` of hatchling, ``_x_editable_loader`` of meson-python.
FINDER = re.compile(r"_\w*editable\w*")
#: Folders of the standard library.
_STANDARD = tuple(
    os.path.realpath(sysconfig.get_path(name)) + os.sep for name in ("stdlib", "platstdlib")
)
#: Folders within these that aren't part of it.
_INSTALLED = ("site-packages", "dist-packages")


def loaded_packages(tests: Collection[str]) -> dict[str, dict[str, Any]]:
    """File, version (None if unknown) and compiled modules of each package that was imported.

    By its name, such as ``numpy``, or ``google.protobuf`` if ``google`` is a namespace package.
    Without the standard library, the packages that run the benchmarks, and files of tests, whose
    paths are ``tests``.
    """
    files = _files(tests)
    packages: dict[str, dict[str, Any]] = {}
    for name, file in sorted(files.items()):
        package = _outermost(name)
        if package is None:
            continue
        module = sys.modules[package]
        about = packages.setdefault(
            package,
            {"file": module.__file__, "version": _version(package, module), "compiled": []},
        )
        if file.endswith(tuple(EXTENSION_SUFFIXES)):
            about["compiled"].append(name)
    return packages


def _files(tests: Collection[str]) -> dict[str, str]:
    """Files of these packages' modules, by the module's name."""
    files = {}
    for name, module in list(sys.modules.items()):
        file = vars(module).get("__file__") if hasattr(module, "__dict__") else None
        top = name.partition(".")[0]
        if top in RUNNING or FINDER.fullmatch(top) or not isinstance(file, str):
            continue
        if not _is_standard(file) and not _is_test(file, tests):
            files[name] = file
    return files


def _is_standard(file: str) -> bool:
    real = os.path.realpath(file)
    return real.startswith(_STANDARD) and not any(name in real for name in _INSTALLED)


def _is_test(file: str, tests: Collection[str]) -> bool:
    """Whether it is a test, configures tests, or only makes a package of a folder with tests."""
    folder, _, name = file.rpartition(os.sep)
    return (
        file in tests
        or name == "conftest.py"
        or (name == "__init__.py" and any(each.startswith(folder + os.sep) for each in tests))
    )


def _outermost(name: str) -> str | None:
    """The outermost package of a module that has a file; None if no such package is imported."""
    parts = name.split(".")
    for count in range(1, len(parts) + 1):
        module = sys.modules.get(".".join(parts[:count]))
        if getattr(module, "__file__", None):
            return ".".join(parts[:count])
    return None


def _version(name: str, module: ModuleType) -> str | None:
    """The installed distribution's version, if it has the package's name, else the package's."""
    depth = name.count(".") + (1 if hasattr(module, "__path__") else 0)
    folder = Path(module.__file__ or "").parents[depth]
    for each in metadata.distributions(name=name, path=[str(folder)]):
        return each.version
    version = vars(module).get("__version__")
    return version if isinstance(version, str) else None
