"""What Ray sends to a node: it starts the node's own tlbench, if that is the same as the driver's.

It is sent by value and imports nothing but the standard library before it has checked that: a node
may lack tlbench, or have another version.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from importlib import metadata, util
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: The packages that measure.
PACKAGES = ("tlbench", "tl_core")
#: Set by Ray to the number of CPUs of a task, where a person has set nothing.
THREADS = "OMP_NUM_THREADS"


def installed() -> str:
    """What is installed: the version, and a digest of the sources; empty without tlbench."""
    try:
        version = metadata.version("tlbench")
    except metadata.PackageNotFoundError:
        return ""
    digest = hashlib.sha256()
    for package in PACKAGES:
        spec = util.find_spec(package)
        for folder in (spec and spec.submodule_search_locations) or ():
            for path in sorted(Path(folder).rglob("*.py")):
                digest.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return f"{version} ({digest.hexdigest()[:8]})"


def begin(
    expected: str, arguments: Sequence[str], runs: int, limit_s: float, cpus: int
) -> Iterator[bytes]:
    """Run the suite so many times on this node; yields ``messages.Message`` as JSON.

    Args:
        expected: What is installed where the driver runs.
        arguments: Of pytest.
        runs: Number of runs, one after the other.
        limit_s: Seconds that each may take.
        cpus: CPUs of the node's Ray, and threads of the suite if the node has more.
    """
    own = installed()
    if own != expected:
        there = f"tlbench {own}" if own else "no tlbench"
        problem = (
            f"{there} at {sys.executable}, expected tlbench {expected} as where the command runs; "
            "install the same on all nodes"
        )
        yield json.dumps({"state": "failed", "problem": problem}).encode()
        return
    if os.environ.get(THREADS) == str(cpus):
        del os.environ[THREADS]
    from tlbench.fleet.node_runs import measured

    yield json.dumps({"state": "begun"}).encode()
    yield from measured(arguments, runs, limit_s, cpus)
