"""Reasons of errors, in one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pytest

#: Most characters of a line: an exception's message may contain a whole array.
LONGEST = 300


def first_line(error: BaseException) -> str:
    """An exception's type and the first line of its message, as pytest's reports have it."""
    try:
        text = str(error)
    except Exception:  # noqa: BLE001 - a stranger's __str__
        text = ""
    return _cut(": ".join(filter(None, (type(error).__name__, _first(text)))))


def why(report: pytest.TestReport) -> str:
    """Why a test didn't pass."""
    longrepr: Any = report.longrepr
    if isinstance(longrepr, tuple):  # skipped
        return _cut(_first(str(longrepr[2])))
    crash = getattr(longrepr, "reprcrash", None)
    # The report of a missing fixture has no crash.
    text = crash.message if crash else getattr(longrepr, "errorstring", None) or str(longrepr)
    return _cut(_first(text) or report.outcome)


def _first(text: str) -> str:
    return next((line.strip() for line in text.splitlines() if line.strip()), "")


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 3] + "..."
