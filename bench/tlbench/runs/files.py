"""Files that this package writes: whole or not at all, results as well as its cache."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

from tlbench import locks

if TYPE_CHECKING:
    from pathlib import Path


def sha256_of(path: Path) -> str:
    """The file's sha256 as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_file(target: Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8, so that an interruption leaves the old one or the new one.

    Its folder is made where absent.

    Raises:
        OSError: It can't be written; an older file is left as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    data = content.encode() if isinstance(content, str) else content
    part = target.with_name(f".{target.name}.part")  # a killed process's is written anew
    with os.fdopen(locks.locked(part), "wb") as file:
        try:
            file.truncate()
            file.write(data)
            file.flush()
            if os.name == "nt":  # which replaces no open files, and has no locks
                file.close()
            part.replace(target)  # in the same folder, so that it is atomic
        except BaseException:
            part.unlink(missing_ok=True)
            raise
