"""Parts of Markdown files that are generated from results: a comment above, one below.

``<!-- NAME -->`` stands above, ``<!-- end -->`` below. A test generates every part again.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from bench.studies.files import ROOT, read_study
from tlbench.runs.files import write_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

END = "<!-- end -->"


@dataclass(frozen=True)
class Block:
    """One generated part.

    Attributes:
        name: What the comment above it says.
        text: Generates it.
    """

    name: str
    text: Callable[[], str]

    def put_into(self, document: str) -> str:
        """The document with this part generated anew.

        Raises:
            ValueError: The document has no place for it.
        """
        begin = f"<!-- {self.name} -->\n"
        place = re.compile(f"{re.escape(begin)}.*?{re.escape(END)}", re.DOTALL)
        if not place.search(document):
            raise ValueError(f"no '{begin.strip()}' ... '{END}' to put a generated part in")
        return place.sub(lambda _: f"{begin}{self.text()}\n{END}", document, count=1)


def of_study(name: str, file: str, table: Callable[[dict[str, Any]], str]) -> Block:
    """A part that is generated from a study's figures."""
    return Block(name, partial(_from_file, file, table))


def _from_file(file: str, table: Callable[[dict[str, Any]], str]) -> str:
    return table(read_study(file))


def replaced(document: str, blocks: Iterable[Block]) -> str:
    """The document with every part generated anew."""
    for block in blocks:
        document = block.put_into(document)
    return document


def rewrite(name: str, blocks: Iterable[Block]) -> None:
    """Generate every part of a document anew.

    Args:
        name: Its path in the repository.
        blocks: Its parts.
    """
    path = ROOT / name
    write_file(path, replaced(path.read_text(encoding="utf-8"), blocks))


def cell_line(cells: Sequence[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |"


def heading(*names: str, texts: Iterable[str] = ()) -> list[str]:
    """The first two lines of a Markdown table; numbers are aligned right.

    The first column has texts, and those that are named there.
    """
    left = {names[0], *texts}
    return [cell_line(names), cell_line(["---" if name in left else "---:" for name in names])]


def range_text(values: Sequence[float], form: str) -> str:
    """The median, and in brackets the least and the greatest."""
    low, middle, high = (form.format(each(values)) for each in (min, median, max))
    return middle if low == high else f"{middle} ({low} to {high})"
