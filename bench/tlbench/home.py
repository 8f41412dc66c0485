"""A home folder for users who have none, as in containers that run under any user's id."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def ensure_home() -> None:
    """Set ``HOME`` to a folder in ``TLBENCH_CACHE`` if this user has no home folder.

    Else some libraries fail, and others write to a folder with the name ``~``.
    """
    cache = os.environ.get("TLBENCH_CACHE")
    if cache and os.path.expanduser("~") == "~":  # noqa: PTH111 - Path's raises an error
        home = Path(cache).absolute() / "home"
        with suppress(OSError):  # who needs the cache will say so
            home.mkdir(parents=True, exist_ok=True)
        os.environ["HOME"] = str(home)
