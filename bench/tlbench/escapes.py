"""Text that can be shown anywhere: one line, no control characters, no formula."""

from __future__ import annotations


def printable(text: str) -> str:
    """Control, format and other unprintable characters as escapes: one line, valid in XML."""
    return "".join(
        each if each.isprintable() else each.encode("unicode_escape").decode() for each in text
    )


def harmless(value: object) -> object:
    """A cell of a CSV file: text that a spreadsheet would read as a formula has a quote before."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value
