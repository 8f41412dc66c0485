"""Lines of progress on stderr; stdout has only a command's result."""

from __future__ import annotations

import click


def say(text: str) -> None:
    """Print a line on stderr."""
    click.echo(text, err=True)
