"""Which modules a distribution has, from the files that its installer wrote."""

from __future__ import annotations

import re
from importlib import metadata
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from tlbench.gate.builds import canonical

if TYPE_CHECKING:
    from pathlib import Path

#: Names of a checkout's own folders that some distributions install by mistake.
SHARED = re.compile(
    r"(bench|benchmarks?|conftest|docs?|examples?|scripts|setup|testing|tests?|tools)$|test_|bench_"
)
#: Endings of files that can be imported.
SUFFIXES = (".py", ".so", ".pyd")


def packages(site: Path) -> dict[str, tuple[str, ...]]:
    """Modules of each distribution in a folder of packages, by its canonical name, without pip.

    Such as ``numpy``, or ``google.protobuf`` where ``google`` is a namespace package.
    """
    there = {canonical(each.name): each for each in metadata.distributions(path=[str(site)])}
    return {name: _modules(name, each) for name, each in sorted(there.items()) if name != "pip"}


def modules_of(name: str, site: Path) -> tuple[str, ...]:
    """Modules of one distribution in a folder of packages; none if it isn't installed there."""
    for each in metadata.distributions(name=name, path=[str(site)]):
        return _modules(canonical(name), each)
    return ()


def _modules(name: str, distribution: metadata.Distribution) -> tuple[str, ...]:
    paths = [
        PurePosixPath(each)
        for each in distribution.files or ()
        if each.name.endswith(SUFFIXES) and ".." not in each.parts
    ]
    regular = {path.parent for path in paths if path.name.partition(".")[0] == "__init__"}
    names = {_root(path, regular) for path in paths}
    if not paths:
        names = set((distribution.read_text("top_level.txt") or "").split())
    own = name.replace("-", "_")
    return tuple(sorted(each for each in names if each == own or not _is_shared(each)))


def _root(path: PurePosixPath, regular: set[PurePosixPath]) -> str:
    """The outermost regular package that has a file, or the file's own module."""
    outer = [each for each in (path.parent, *path.parent.parents) if each in regular]
    if outer:
        return ".".join(outer[-1].parts)
    return ".".join((*path.parent.parts, path.name.partition(".")[0]))


def _is_shared(module: str) -> bool:
    top = module.partition(".")[0]
    return bool(SHARED.match(top)) or not top.isidentifier()
