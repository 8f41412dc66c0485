"""The commands and programs of a guide, in order, with what its comments say about each.

A comment stands above the block that it is about:

- ``<!-- not run: REASON -->``: what can't be run in a test.
- ``<!-- may exit with CODE: REASON -->``: besides 0.
- ``<!-- file: NAME -->``: the block is written to that file.

And anywhere in a guide, ``<!-- needs: NAME, NAME -->``: what its folder has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

MARK = re.compile(r"<!-- (not run|may exit with \d+|file|needs): *(.*?) *-->")
#: Of fenced blocks, what can be run. ``text`` shows something, and says so.
RUN = {"sh": "shell", "bash": "shell", "console": "shell", "python": "python", "diff": "diff"}
SHOWN = "text"


class GuideError(ValueError):
    """A block of which a guide doesn't say what it is."""


@dataclass(frozen=True)
class Block:
    """One block.

    Attributes:
        line: Where it begins.
        kind: ``shell``, ``python``, ``diff``, or another language.
        text: Its lines.
        rule: ``not run``, ``file``, ``may exit with``, or empty.
        about: The reason, or the file's name.
        codes: Exit codes that are right.
    """

    line: int
    kind: str
    text: str
    rule: str = ""
    about: str = ""
    codes: tuple[int, ...] = (0,)


def needs(text):
    """What the guide's folder has."""
    return [
        each.strip() for rule, about in MARK.findall(text) if rule == "needs"
        for each in about.split(",")
    ]  # fmt: skip


def blocks(text):
    """The blocks of a guide.

    Raises:
        GuideError: A block that would be neither run nor is marked, a mark without a reason, or
            one that no block follows.
    """
    found, mark, lines = [], None, text.splitlines()
    number = 0
    while number < len(lines):
        line = lines[number]
        seen = MARK.fullmatch(line.strip())
        if seen and seen[1] != "needs":
            if not seen[2]:
                raise GuideError(f"line {number + 1}: a mark without a reason")
            mark = (seen[1], seen[2])
        elif line.startswith("```"):
            end = lines.index("```", number + 1)
            kind = line.removeprefix("```").strip()
            found.append(_block(number + 1, kind, lines[number + 1 : end], mark))
            mark, number = None, end
        elif line.startswith("    ") and (number == 0 or not lines[number - 1].strip()):
            end = number
            while end < len(lines) and (lines[end].startswith("    ") or not lines[end].strip()):
                end += 1
            inside = [each.removeprefix("    ") for each in lines[number:end]]
            found.append(_block(number + 1, "sh", inside, mark))
            mark, number = None, end - 1
        elif line.strip() and mark:
            raise GuideError(f"line {number + 1}: '{mark[0]}' stands above no block")
        number += 1
    if mark:
        raise GuideError(f"'{mark[0]}' stands above no block")
    return found


def _block(line, kind, lines, mark):
    rule, about = mark or ("", "")
    if kind not in RUN and kind != SHOWN and rule not in {"not run", "file"}:
        raise GuideError(f"line {line}: '{kind}' is neither run nor marked")
    codes = (0,)
    if rule.startswith("may exit with"):
        codes, rule = (0, int(rule.split()[-1])), "may exit with"
    text = "\n".join(lines).strip("\n") + "\n"
    return Block(line, RUN.get(kind, kind), text, rule, about, codes)
