"""What the library logs, as lines for the user."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: The library's logger: it says there what takes long, and what it has to assume.
LIBRARY = "tl_core"


class _Lines(logging.Handler):
    def __init__(self, say: Callable[[str], object]) -> None:
        super().__init__()
        self.say = say

    def emit(self, record: logging.LogRecord) -> None:
        self.say(self.format(record))


@contextmanager
def library_messages(say: Callable[[str], object], level: int = logging.INFO) -> Iterator[None]:
    """Give ``say`` what the library logs, from a level on; no other handler gets it.

    What TensorFlow imports may put a handler there that prints warnings a second time.
    """
    logger, handler = logging.getLogger(LIBRARY), _Lines(say)
    handler.setLevel(level)
    before = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(level)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]
