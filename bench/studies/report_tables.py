"""The table of what many files cost: ``python -m bench.studies.guide_tables`` puts it in docs."""

from __future__ import annotations

from typing import Any

from bench.studies.blocks import cell_line, heading, of_study, range_text
from tlbench.report.table import gigabytes


def many_files(study: dict[str, Any]) -> str:
    """Seconds and peak memory of each command, by the number of result files."""
    lines = heading("command", "files", "size in GB", "seconds", "memory", "n")
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


GUIDE = "docs/report.md"
BLOCKS = (of_study("many files", "many-files.json", many_files),)
