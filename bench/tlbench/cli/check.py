"""``tlbench check``."""

from __future__ import annotations

import click

from tlbench.cli.command_line import USAGE, count
from tlbench.cli.options import json_option
from tlbench.runs.check import problems
from tlbench.runs.collect import files_of
from tlbench.terminal import say, show, show_json


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
        show_json({"files": len(paths), "problems": listed})
    else:
        say(*(line for _, line in wrong))
    if not paths:
        say(f"Error: no result file in {', '.join(files)}")
    if wrong or not paths:
        raise SystemExit(USAGE)
    if not as_json:
        show([f"{count(len(paths), 'file')} valid"])
