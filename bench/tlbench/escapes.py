"""Text that can be shown anywhere: one line, no control characters."""

from __future__ import annotations


def printable(text: str) -> str:
    """Control, format and other unprintable characters as escapes: one line, valid in XML."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )
