"""``tlbench check``."""

from __future__ import annotations

from pathlib import Path

import click

from bench.records.check import problems


def run(files: tuple[str, ...]) -> None:
    """Check result files, or all below a folder.

    Raises:
        SystemExit: With 2 where any isn't right.
    """
    paths = [path for name in files for path in _expanded(Path(name))]
    found = [line for path in paths for line in problems(path)]
    for line in found:
        click.echo(line, err=True)
    if found or not paths:
        if not paths:
            click.echo(f"no result file in {', '.join(files)}", err=True)
        raise SystemExit(2)
    click.echo(f"{len(paths)} file(s) as they should be")


def _expanded(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return [file for file in sorted(path.rglob("*.json")) if file.parent.name != "schema"]
