"""What the library logs reaches the user, and nothing stays behind."""

import logging

from tlbench.suite.library_log import LIBRARY, library_messages


def test_lines_from_a_level_on_are_said_while_it_lasts():
    log, lines = logging.getLogger(f"{LIBRARY}.anything"), []
    before = logging.getLogger(LIBRARY).level, list(logging.getLogger(LIBRARY).handlers)

    with library_messages(lines.append):
        log.info("took %s", "long")
        log.debug("unseen")
    with library_messages(lines.append, logging.WARNING):
        log.info("unseen")
        log.warning("assumed")
    log.warning("after it")

    assert lines == ["took long", "assumed"]
    assert (logging.getLogger(LIBRARY).level, logging.getLogger(LIBRARY).handlers) == before
