"""The two forms in which Hub serves a model, by the handle's text."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from tl_core.models.efficientnet_lite0 import NAME
from tl_core.models.keras_applications import PREFIX

_FEATURES = re.compile(r"feature([-_])vector")
_ENDING = re.compile(r"\.(tar\.gz|tgz)$")
#: What classifiers' handles say: Hub's form, alone or at a name's end, or "classifier" alone.
_CLASSIFIES = re.compile(r"(^|[-_])classification$|^classifier$", re.IGNORECASE)
_URL = ("http://", "https://")


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
    is_url = handle.startswith(_URL)
    return other if is_url or Path(other).expanduser().exists() else None


def says_classification(handle: str) -> bool:
    """Whether a handle's text says that the model is a classifier.

    Of a URL, any part of the path may say so, unless another says ``feature_vector``; of a file or
    folder its own name only, since what it lies in can be about anything.
    """
    if handle.startswith(_URL):
        path = _ENDING.sub("", urlsplit(handle).path)
        return not _FEATURES.search(path) and any(map(_CLASSIFIES.search, path.split("/")))
    return bool(_CLASSIFIES.search(_ENDING.sub("", Path(handle).name)))


def public_name(handle: str) -> str:
    """The handle as results show it, without what is private.

    A file or folder is shown by its name only; a URL without user name, password, query (a token,
    often) and fragment.
    """
    if handle.startswith(_URL):
        parts = urlsplit(handle)
        return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    if handle.startswith(PREFIX) or handle == NAME:
        return handle
    return Path(handle).expanduser().resolve().name
