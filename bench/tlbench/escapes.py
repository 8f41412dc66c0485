"""Text that can be shown anywhere: no control characters, nothing that hides, no formula."""

from __future__ import annotations

#: Letters and marks that show nothing, though Unicode counts them as printable.
INVISIBLE = frozenset(
    chr(code)
    for code in (
        *(0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0),
        *range(0x180B, 0x1810),
        *range(0xFE00, 0xFE10),
        *range(0xE0100, 0xE01F0),
    )
)


def printable(text: str, keep: str = "") -> str:
    """Control, format and other characters that don't show as escapes: one line, valid in XML.

    Characters in ``keep`` stay as they are.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        each
        if each in keep or (each.isprintable() and each not in INVISIBLE)
        else each.encode("unicode_escape").decode()
        for each in text
    )


def harmless(value: object) -> object:
    """A cell of a CSV file: text that a spreadsheet would read as a formula has a quote before."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value
