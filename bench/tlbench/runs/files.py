"""Files that this package writes: whole or not at all, results as well as its cache."""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
import tempfile
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from tlbench import locks

if TYPE_CHECKING:
    from collections.abc import Iterator


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
    with naming(folder), tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"\0")


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Let an OSError of the block name this path, in place of a temporary one or none."""
    try:
        yield
    except OSError as error:
        if error.errno is None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


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
    with naming(target), os.fdopen(locks.locked(part), "wb") as file:
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


def keep(target: Path, content: str) -> tuple[Path | None, str | None]:
    """Write what took long to measure, elsewhere if it can't be written to its target.

    Returns:
        The file, in the system's folder for temporary files if the target can't be written, None
        if neither can; and the problem in a line, None if there is none.
    """
    try:
        write_file(target, content)
    except OSError as error:
        reason = error.strerror or error
        problem = f"{target} can't be written ({reason}); free space there, or name another place"
    else:
        return target, None
    with suppress(OSError):
        name = f"{target.stem}-{secrets.token_hex(4)}{target.suffix}"
        place = Path(tempfile.gettempdir(), name)
        write_file(place, content)
        return place, f"{problem}. It is in {place}: move it from there"
    return None, problem
