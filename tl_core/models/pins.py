"""Pins: a handle may end in the sha256 that the model's file or folder must have."""

from __future__ import annotations

import re
from pathlib import Path

from tl_core.errors import ModelError
from tl_core.storage import tree_digest

#: Between a handle and its pin, 64 hexadecimal digits.
PIN = "#sha256="


def without_pin(handle: str) -> str:
    """The handle itself."""
    return handle.partition(PIN)[0]


def split_pin(handle: str) -> tuple[str, str | None]:
    """The handle itself and its pin in lower case, None without one; ModelError if malformed."""
    bare, mark, pin = handle.partition(PIN)
    if mark and not re.fullmatch(r"[0-9a-fA-F]{64}", pin):
        raise ModelError(
            f"{bare}: pin {pin[:80]!r}, expected 64 hexadecimal digits after {PIN}. With 64 zeros, "
            "the error says which the model has"
        )
    return bare, pin.lower() if mark else None


def pinned_folder(handle: str) -> Path:
    """The folder of a handle, whose pin it has; ModelError if not. It may be absent."""
    bare, pin = split_pin(handle)
    folder = Path(bare).expanduser()
    if folder.is_dir():
        check_folder(folder, pin)
    return folder


def check_pin(name: str, sha256: str, pin: str | None) -> None:
    """Refuse, with a ModelError, a model of this name whose sha256 isn't the pin."""
    if pin not in (None, sha256):
        raise ModelError(
            f"{name}: sha256 {sha256}, expected {pin}: another model than the one that was pinned, "
            "which is not loaded. Get the pinned one, or pin this one if you trust it"
        )


def check_folder(folder: Path, pin: str | None) -> None:
    """As ``check_pin``, of a folder's ``tree_digest``; also refuse what that doesn't cover."""
    if pin is None:
        return
    for path in folder.rglob("*"):
        if "\n" in path.name or (path.is_symlink() and path.is_dir()):
            raise ModelError(
                f"{folder}: its sha256 doesn't cover {path.name!r}; expected files and folders "
                "without links to folders. Copy the folder with what it links to"
            )
    check_pin(str(folder), tree_digest(folder), pin)
