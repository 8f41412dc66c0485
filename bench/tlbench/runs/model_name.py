"""A model's name as tables and file names show it."""

from __future__ import annotations

import re
from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

_ENDING = re.compile(r"\.(tar\.gz|tgz)$")
_FORM = re.compile(r"[-_]?(feature[-_]vector|classification)$")
#: Parts of a handle that say nothing of the model: versions, and what exports are called.
_SAYS_NOTHING = re.compile(r"\d*|saved_?model", re.IGNORECASE)
#: Kaggle's frameworks, between the model and its variation, in lower case.
_FRAMEWORKS = ("tensorflow1", "tensorflow2")
#: What begins a URL's query, or a handle's pin.
_REST = re.compile(r"\?|#sha256=")
#: Digits of a fingerprint that tell models of one name apart.
DIGITS = 6


def short_name(handle: str) -> str:
    """A model without host, form, version and file ending, such as ``mobilenet_v2_100_224``."""
    text = _ENDING.sub("", _REST.split(handle, maxsplit=1)[0].rstrip("/\\"))
    parts = [_FORM.sub("", part) for part in re.split(r"[/\\]", text)]
    named = [part for part in parts if not _SAYS_NOTHING.fullmatch(part)]
    if len(named) > 2 and named[-2].lower() in _FRAMEWORKS:
        return f"{named[-3]}-{named[-1]}"
    return named[-1].replace(":", "-") if named else "model"


def shown_names(
    models: Iterable[tuple[str, str | None]],
) -> dict[tuple[str, str | None], str]:
    """What to call each model, a handle and a fingerprint that may be unknown: its short name.

    Where models of several fingerprints share that, the first digits of their own follow.
    """
    names = {each: short_name(each[0]) for each in models}
    fingerprints = defaultdict(set)
    for (_, fingerprint), name in names.items():
        if fingerprint:
            fingerprints[name].add(fingerprint)
    return {
        (handle, known): f"{name} {known[:DIGITS]}"
        if known and len(fingerprints[name]) > 1
        else name
        for (handle, known), name in names.items()
    }
