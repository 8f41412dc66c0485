"""Small files that the kernel writes, such as those under /proc and /sys.

Every reader takes the folder that stands for ``/``, so that tests can give another machine's files.
A file that isn't there or can't be read is None: other systems and containers lack many of them.
"""

from __future__ import annotations

from pathlib import Path

#: Where the running machine's own files are.
ROOT = Path("/")


def read_text(path: Path) -> str | None:
    """A file's text without surrounding blanks, or None where there is none to be had."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip("\n\0 ")
    except OSError:
        return None


def read_int(path: Path) -> int | None:
    """A file's whole number, or None; also for words in a number's place, such as ``max``."""
    text = read_text(path)
    try:
        return None if text is None else int(text)
    except ValueError:
        return None


def read_fields(path: Path) -> dict[str, int]:
    """A file of ``name number`` lines, such as a cgroup's ``cpu.stat``; empty if there is none."""
    pairs = (line.split() for line in (read_text(path) or "").splitlines())
    return {pair[0]: int(pair[1]) for pair in pairs if len(pair) == 2 and pair[1].isdecimal()}
