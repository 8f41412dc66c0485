"""``tlbench check``."""

from __future__ import annotations

import json

import click

from tlbench.cli.command_line import USAGE
from tlbench.report.gate_words import printable
from tlbench.runs.check import problems
from tlbench.runs.collect import files_of


def run(files: tuple[str, ...], *, as_json: bool) -> None:
    """Check result files, or all below a folder.

    Args:
        files: Files, folders and machines, as ``files_of`` takes them.
        as_json: Print JSON in place of text.

    Raises:
        ResultError: A name is nothing.
        SystemExit: With 2 where any isn't right, or there is none.
    """
    paths = [path for name in files for path, _ in files_of(name)]
    found = {str(path): problems(path) for path in paths}
    lines = [line for each in found.values() for line in each]
    if as_json:
        wrong = [
            {"file": file, "problem": line.removeprefix(f"{file}: ")}
            for file, each in found.items()
            for line in each
        ]
        click.echo(json.dumps({"files": len(paths), "problems": wrong}, indent=1))
    else:
        for line in lines:
            click.echo(printable(line), err=True)
    if not paths:
        click.echo(f"no result file in {', '.join(files)}", err=True)
    if lines or not paths:
        raise SystemExit(USAGE)
    if not as_json:
        click.echo(f"{len(paths)} file(s) as they should be")
