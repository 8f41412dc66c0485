"""Colours of words that decide, where a terminal takes them; the words say it without."""

from __future__ import annotations

import os
import re
import sys

import click

#: Of words at the end of a table's line, or before a comma.
TINTS = {
    "faster": "green",
    "slower": "red",
    "PASS": "green",
    "FAIL": "red",
    "INCONCLUSIVE": "yellow",
    "NOT COMPARABLE": "yellow",
}
_WORD = re.compile(rf"(?<= )({'|'.join(TINTS)})(?=, |$)")


def tinted(line: str) -> str:
    """A table's line, its words in colour if stdout is a terminal and ``NO_COLOR`` isn't set."""
    if not _wanted():
        return line
    return _WORD.sub(lambda found: click.style(found[1], fg=TINTS[found[1]]), line)


def _wanted() -> bool:
    """As https://no-color.org has it."""
    off = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not off
