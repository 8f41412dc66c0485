"""Colours of words that decide, where a terminal takes them; the words say it without."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Of a gate's verdicts, which stand in capitals.
VERDICTS = {"PASS": "green", "FAIL": "red", "INCONCLUSIVE": "yellow", "NOT COMPARABLE": "yellow"}
#: Of the words of a comparison's table.
RATIOS = {"faster": "green", "slower": "red"}


def tinted(line: str, tints: Mapping[str, str]) -> str:
    """A line, its words in colour if stdout is a terminal and ``NO_COLOR`` isn't set.

    Args:
        line: Plain text.
        tints: Colours of words; at the line's end, or before a comma.
    """
    if not _wanted():
        return line
    words = rf"(?<= )({'|'.join(tints)})(?=, |$)"
    return re.sub(words, lambda found: click.style(found[1], fg=tints[found[1]]), line)


def _wanted() -> bool:
    """As https://no-color.org has it."""
    off = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return sys.stdout.isatty() and not off
