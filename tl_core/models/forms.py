"""The two forms in which Hub serves a model, told from the handle's text."""

from __future__ import annotations

import re
from pathlib import Path

from tl_core.models.efficientnet_lite0 import NAME
from tl_core.models.keras_applications import PREFIX

_FEATURES = re.compile(r"feature([-_])vector")
_ENDING = re.compile(r"\.(tar\.gz|tgz)$")
_FORM = re.compile(r"[-_]?(feature[-_]vector|classification)$")


def classifier_handle(handle: str) -> str | None:
    """The handle of the classifier that an extractor belongs to.

    Returns:
        The same handle for models that are built in either form; Hub's ``classification`` in place
        of ``feature_vector`` for URLs and for files that exist; None where none is known.
    """
    if handle == NAME or handle.startswith(PREFIX):
        return handle
    other = _FEATURES.sub("classification", handle)
    if other == handle:
        return None
    is_url = handle.startswith(("http://", "https://"))
    return other if is_url or Path(other).expanduser().exists() else None


def short_name(handle: str) -> str:
    """A model without host, form, version and file ending, such as ``mobilenet_v2_100_224``."""
    text = _ENDING.sub("", handle.split("?", maxsplit=1)[0].rstrip("/\\"))
    parts = [_FORM.sub("", part) for part in re.split(r"[/\\]", text)]
    named = [part for part in parts if part and not part.isdecimal()]
    return named[-1].replace(":", "-") if named else "model"


def public_name(handle: str) -> str:
    """The handle as results show it: a file or folder by its name only, since paths are private."""
    if handle.startswith(("http://", "https://", PREFIX)) or handle == NAME:
        return handle
    return Path(handle).expanduser().resolve().name
