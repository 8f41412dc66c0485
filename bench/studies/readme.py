"""The README's results table: ``python -m bench.studies.readme FILE`` writes it from a result file.

The file's path stands above the table, so that a test can make the table again and compare.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from tl_core.engines.names import ENGINES
from tlbench.report.table import gigabytes, seconds, share
from tlbench.runs.model_name import short_name
from tlbench.runs.read import ResultError, read_rows, read_run

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tlbench.runs.read import Row

BEGIN, END = "<!-- results: {} -->", "<!-- end of results -->"
_BLOCK = re.compile(r"<!-- results: (?P<file>\S+) -->\n.*?<!-- end of results -->", re.DOTALL)
HEADINGS = ("stage", "images", "images/s", "time", "n", "top-1", "floor", "peak memory")


def table(path: Path) -> str:
    """The caption and Markdown table of a result file."""
    rows, run = read_rows(path), read_run(path)
    lines = [caption(rows[0], run["machine_info"]["tlbench"]), "", _line(HEADINGS)]
    lines.append(_line(["---", *["---:"] * (len(HEADINGS) - 1)]))
    return "\n".join([*lines, *(_line(_cells(row)) for row in rows)])


def caption(row: Row, machine: dict[str, object]) -> str:
    """What was run on what, in a sentence."""
    info, packages = row.info, machine["packages"]
    assert isinstance(packages, dict)  # noqa: S101 - written by our own fingerprint
    sizes = f"{info['train_size']:,} + {info['test_size']:,}"
    return (
        f"`{info['workload']}`: {short_name(info['model'])}, {sizes} images of "
        f"{info['data']}, one epoch, batch {info['batch_size']}, engine {info['engine']} "
        f"({runtime_text(info['engine'], packages)}) {info['precision']}, {machine['cpu']}, "
        f"{info['threads']} threads, Python {machine['python']}."
    )


def runtime_text(engine: str, packages: Mapping[str, str]) -> str:
    """What runs an engine's network, and its version."""
    name = ENGINES[engine].package if engine in ENGINES else "tensorflow"
    return f"{name} {packages[name]}"


def replaced(readme: str, path: Path) -> str:
    """The README's text with its table made from ``path``.

    Raises:
        ResultError: The README has no place for it.
    """
    if not _BLOCK.search(readme):
        raise ResultError(f"README.md: no '{BEGIN.format('FILE')}' ... '{END}' to put a table in")
    block = f"{BEGIN.format(path.as_posix())}\n{table(path)}\n{END}"
    return _BLOCK.sub(lambda _: block, readme, count=1)


def named_file(readme: str) -> Path:
    """The result file that the README's table says it was made from.

    Raises:
        ResultError: It names none.
    """
    match = _BLOCK.search(readme)
    if match is None:
        raise ResultError("README.md: no table of results")
    return Path(match["file"])


def _cells(row: Row) -> list[str]:
    info = row.info
    return [
        row.label,
        f"{info['images']:,}",
        f"{info['images_per_s']:,.0f}",
        seconds(median(row.seconds)),
        str(len(row.seconds)),
        share(info["accuracy"]),
        share(info["accuracy_floor"]),
        gigabytes(info["peak_rss_bytes"]),
    ]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Rewrite the README in this folder."""
    readme = Path("README.md")
    text = replaced(readme.read_text(encoding="utf-8"), Path(sys.argv[1]))
    readme.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
