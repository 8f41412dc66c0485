"""Tables in Markdown files that are made from the studies' files, and can be made again."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tlbench.runs.files import write_file

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

STUDIES = Path("results/studies")
END = "<!-- end -->"


@dataclass(frozen=True)
class Block:
    """One table.

    Attributes:
        name: In the comment above it.
        file: The study's, in ``STUDIES``.
        table: Makes it.
    """

    name: str
    file: str
    table: Callable[[dict[str, Any]], str]

    def put_into(self, text: str, root: Path) -> str:
        """The text with this table made anew.

        Raises:
            ValueError: It has no place for it.
        """
        begin = f"<!-- {self.name} -->\n"
        place = re.compile(f"{re.escape(begin)}.*?{re.escape(END)}", re.DOTALL)
        if not place.search(text):
            raise ValueError(f"no '{begin.strip()}' ... '{END}' to put a table in")
        study = json.loads((root / STUDIES / self.file).read_text(encoding="utf-8"))
        return place.sub(lambda _: f"{begin}{self.table(study)}\n{END}", text, count=1)


def replaced(text: str, blocks: Iterable[Block], root: Path) -> str:
    """The text with every table made anew."""
    for block in blocks:
        text = block.put_into(text, root)
    return text


def rewrite(file: Path, blocks: Iterable[Block]) -> None:
    """Make every table of a file in this folder anew."""
    text = replaced(file.read_text(encoding="utf-8"), blocks, Path())
    write_file(file, text)


def cell_line(cells: Sequence[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(cells)} |"
