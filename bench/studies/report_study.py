"""The guide's table of what many files cost: ``python -m bench.studies.report_study`` makes it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.studies.blocks import Block, cell_line, rewrite
from bench.studies.speed_study import range_text
from tlbench.report.table import gigabytes

GUIDE = Path("docs/report.md")


def many_files(study: dict[str, Any]) -> str:
    """Seconds and peak memory of each command, by the number of result files."""
    lines = [
        cell_line(["command", "files", "GB of files", "seconds", "memory", "n"]),
        cell_line(["---", *["---:"] * 5]),
    ]
    for each in sorted(study["found"], key=lambda each: (each["command"], each["files"])):
        figures = [
            f"{each['files']:,}",
            f"{each['bytes'] / 1e9:.2f}",
            range_text([run["seconds"] for run in each["runs"]], "{:.1f}"),
            gigabytes(max(run["peak_rss_bytes"] for run in each["runs"])),
            str(len(each["runs"])),
        ]
        lines.append(cell_line([f"`{each['command']}`", *figures]))
    return "\n".join(lines)


BLOCKS = (Block("many files", "many-files.json", many_files),)


def main() -> None:
    """Rewrite the guide in this folder."""
    rewrite(GUIDE, BLOCKS)


if __name__ == "__main__":
    main()
