"""A model's name as tables and file names show it."""

from __future__ import annotations

import re

_ENDING = re.compile(r"\.(tar\.gz|tgz)$")
_FORM = re.compile(r"[-_]?(feature[-_]vector|classification)$")


def short_name(handle: str) -> str:
    """A model without host, form, version and file ending, such as ``mobilenet_v2_100_224``."""
    text = _ENDING.sub("", handle.split("?", maxsplit=1)[0].rstrip("/\\"))
    parts = [_FORM.sub("", part) for part in re.split(r"[/\\]", text)]
    named = [part for part in parts if part and not part.isdecimal()]
    return named[-1].replace(":", "-") if named else "model"
