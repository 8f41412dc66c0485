"""What a command that takes a while is doing, as lines on stderr; stdout has its answer only."""

from __future__ import annotations

import click


def say(text: str) -> None:
    """Print a line on stderr."""
    click.echo(text, err=True)
