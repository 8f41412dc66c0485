"""Files that this package writes: whole or not at all, results as well as its cache."""

from __future__ import annotations

import hashlib
import os
import sys
import tempfile
from typing import TYPE_CHECKING

from tlbench import locks

if TYPE_CHECKING:
    from pathlib import Path


def sha256_of(path: Path) -> str:
    """The file's sha256 as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_target(target: Path) -> None:
    """Find out, before work is done for it, whether a file can be written; OSError if not."""
    if target.is_dir():
        raise IsADirectoryError(f"{target} is a folder; expected a file to write")
    check_folder(target.parent)


def check_folder(folder: Path) -> None:
    """Find out whether files can be written to a folder, which is made; OSError if not."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"\0")


def write_file(target: Path, content: str | bytes) -> None:
    """Write a file, text as UTF-8, so that an interruption leaves the old one or the new one.

    Its folder is made where absent.

    Raises:
        OSError: It can't be written; an older file is left as it was.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    # Bytes of names that aren't UTF-8 become visible.
    data = content.encode(errors="backslashreplace") if isinstance(content, str) else content
    part = target.with_name(f".{target.name}.part")  # a killed process's is written anew
    with os.fdopen(locks.locked(part), "wb") as file:
        try:
            file.truncate()
            file.write(data)
            file.flush()
            if sys.platform == "win32":  # which replaces no open files, and has no locks
                file.close()
            part.replace(target)  # in the same folder, so that it is atomic
        except BaseException:
            part.unlink(missing_ok=True)
            raise
