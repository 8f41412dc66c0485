"""Files that people and other programs wrote: read within limits, or refused in one line."""

from __future__ import annotations

import json
import re
import stat
from typing import TYPE_CHECKING, Any

from tlbench.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

#: Bytes of a file. A result file has 0.1 million; a baseline of many runs some millions.
MOST_BYTES = 32_000_000
#: Of a file of prices.
MOST_PRICES = 1_000_000
#: Levels of nested lists and objects. Result files have 8.
MOST_LEVELS = 50
#: Whole numbers that other programs read, too.
LEAST_WHOLE, MOST_WHOLE = -(2**63), 2**64 - 1
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def read_bytes(path: Path, most: int = MOST_BYTES) -> bytes:
    """The content of a regular file; pipes and devices, which may never end, aren't opened.

    Raises:
        InputError: Absent, unreadable, no regular file, or of more than ``most`` bytes.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise InputError(f"{path}: {_kind(about.st_mode)}; expected a regular file")
        with path.open("rb") as file:
            data = b"" if about.st_size > most else file.read(most + 1)
    except (OSError, ValueError) as error:  # a ValueError: a name that no file can have
        if isinstance(error, InputError):
            raise
        raise InputError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
    if max(about.st_size, len(data)) > most:
        size = f"{max(about.st_size, len(data)) / 1e6:,.1f} MB"
        raise InputError(f"{path}: {size}; expected at most {most / 1e6:,.0f} MB")
    return data


def _kind(mode: int) -> str:
    if stat.S_ISDIR(mode):
        return "a folder"
    return "a pipe" if stat.S_ISFIFO(mode) else "a device or socket"


def read_text(path: Path, most: int = MOST_BYTES) -> str:
    """The text of a file.

    Raises:
        InputError: As for ``read_bytes``, or it isn't UTF-8.
    """
    try:
        return read_bytes(path, most).decode()
    except UnicodeDecodeError as error:
        raise InputError(
            f"{path}: not UTF-8 text ({error.reason} at byte {error.start})"
        ) from error


def parse_json(text: str) -> Any:  # noqa: ANN401 - JSON
    """A JSON value that can be computed with, compared and printed.

    NaN and infinities are left in it, as pytest-benchmark writes them.

    Raises:
        InputError: Not JSON, nested too deep, a whole number beyond 64 bits, or half a character.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(str(error)) from error
    check_json(value)
    if _SURROGATE.search(text):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise InputError("half of a surrogate pair; expected whole characters") from error
    return value


def check_json(value: object) -> None:
    """Refuse what can't be walked through or computed with; InputError says what."""
    level = [value]
    for _ in range(MOST_LEVELS):
        if any(isinstance(each, int) and not LEAST_WHOLE <= each <= MOST_WHOLE for each in level):
            raise InputError("a whole number of more than 64 bits")
        groups = [each for each in level if isinstance(each, dict | list)]
        level = [
            part for each in groups for part in (each.values() if isinstance(each, dict) else each)
        ]
        if not level:
            return
    raise InputError(f"nested more than {MOST_LEVELS} levels deep")
