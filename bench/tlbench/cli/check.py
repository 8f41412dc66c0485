"""``tlbench check``."""

from __future__ import annotations

import json

import click

from tlbench.cli.command_line import USAGE, count
from tlbench.cli.options import json_option
from tlbench.escapes import printable
from tlbench.runs.check import problems
from tlbench.runs.collect import files_of


@click.command(epilog="Example: tlbench check results/")
@click.argument("files", nargs=-1, required=True, type=click.Path(), metavar="FILE...")
@json_option
def check(*, files: tuple[str, ...], as_json: bool) -> None:
    """Validate result files.

    FILE is a result file, a folder of them, or a machine's name.

    Exit code 0: all valid; 2: problems found.
    """
    paths = [path for name in files for path, _ in files_of(name)]
    wrong = [(str(path), line) for path in paths for line in problems(path)]
    if as_json:
        listed = [{"file": file, "problem": line.removeprefix(f"{file}: ")} for file, line in wrong]
        click.echo(json.dumps({"files": len(paths), "problems": listed}, indent=1))
    else:
        for _, line in wrong:
            click.echo(printable(line), err=True)
    if not paths:
        click.echo(f"Error: no result file in {', '.join(files)}", err=True)
    if wrong or not paths:
        raise SystemExit(USAGE)
    if not as_json:
        click.echo(f"{count(len(paths), 'file')} valid")
