"""The README's picture of engines: ``python -m bench.studies.readme_picture`` draws it anew.

A comment above it names the folder of results. A test reads the picture's figures again.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tlbench.compare.comparison import compared
from tlbench.compare.entries import entries_of
from tlbench.report.html.bars import throughput
from tlbench.report.pictures import drawing, write_picture
from tlbench.runs.collect import collect
from tlbench.runs.files import write_file
from tlbench.runs.read import ResultError

if TYPE_CHECKING:
    from tlbench.report.html.chart import Chart

README, FOLDER, NAME = Path("README.md"), Path("docs/pictures"), "engines"
#: Benchmarks that say most, of the suite's eight.
SHOWN = ("extract", "pipeline (recompute)")
_BLOCK = re.compile(r"<!-- picture of (?P<folder>\S+) -->\n.*?<!-- end of picture -->", re.DOTALL)


def chart(folder: Path) -> Chart:
    """Throughput of the job of which there are most entries.

    Raises:
        ResultError: There is none.
    """
    found = compared(entries_of(collect([str(folder)]).runs))
    if not found:
        raise ResultError(f"{folder}: no run")
    most = max(found, key=lambda each: len(each.entries))
    cells = {name: most.cells[name] for name in SHOWN if name in most.cells}
    return throughput(replace(most, cells=cells), 1)


def words(shown: Chart) -> str:
    """The picture's figures, for those who don't see it."""
    told = [f"{benchmark}, {entry}: {rate}" for benchmark, entry, rate, *_ in shown.rows]
    return f"Images a second. {'; '.join(told)}."


def named_folder(readme: str) -> Path:
    """The results that the README's picture is of.

    Raises:
        ResultError: It has no place for one.
    """
    match = _BLOCK.search(readme)
    if match is None:
        raise ResultError(
            "README.md: no '<!-- picture of FOLDER -->' ... '<!-- end of picture -->'"
        )
    return Path(match["folder"])


def replaced(readme: str, shown: Chart) -> str:
    """The README's text with the picture's words made anew."""
    folder = named_folder(readme).as_posix()
    image = f"![{words(shown)}]({(FOLDER / NAME).as_posix()}.svg)"
    block = f"<!-- picture of {folder} -->\n{image}\n<!-- end of picture -->"
    return _BLOCK.sub(lambda _: block, readme, count=1)


def main() -> None:
    """Draw the picture, and say it in the README of this folder."""
    text = README.read_text(encoding="utf-8")
    shown = chart(named_folder(text))
    FOLDER.mkdir(parents=True, exist_ok=True)
    with drawing():
        write_picture(shown.draw(), FOLDER, NAME, ["svg"])
    write_file(README, replaced(text, shown))


if __name__ == "__main__":
    main()
