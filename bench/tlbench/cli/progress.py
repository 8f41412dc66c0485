"""What a command that takes a while is doing, as lines on stderr; stdout has its answer only."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The library's logger: it says there what takes long.
LIBRARY = "tl_core"


def say(text: str) -> None:
    """Print a line on stderr."""
    click.echo(text, err=True)


class _Lines(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(self.format(record))


@contextmanager
def library_messages() -> Iterator[None]:
    """Show what the library logs, from the level INFO on."""
    logger, handler = logging.getLogger(LIBRARY), _Lines()
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
