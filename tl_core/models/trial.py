"""Run a model once in a process of its own, within limits, before this process loads it.

A graph can run for ever, take all memory, or end its process. There that costs a message.
"""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from tl_core.errors import ModelError, line_of
from tl_core.models.own_process import ProcessError, in_own_process
from tl_core.storage import cache_dir, tree_digest

if TYPE_CHECKING:
    from pathlib import Path

    from tl_core.models.settings import Kind

#: Raised when the trial changes, so that models are tried again.
TRIAL_VERSION = 1


class Reading(NamedTuple):
    """How a model is read: arguments of ``open_module``."""

    kind: Kind = "features"
    input_range: str | None = None
    output: str | None = None
    image_size: int | None = None


def check_answers(folder: Path, name: str, reading: Reading) -> None:
    """Load a SavedModel folder and run it once in another process, unless that went well before.

    Models that this library converted are not tried.

    Raises:
        ModelError: It takes more than ``limits().model_seconds`` or ``model_bytes``, ends its
            process, or fails in a way for which there is no message.
    """
    if folder.resolve().is_relative_to((cache_dir() / "models").resolve()):
        return
    mark = _mark(folder, reading)
    if mark.exists():
        return
    if problem := _problem(folder, name, reading):
        raise ModelError(
            f"{name}: its first images, in a process of their own, failed: {problem}. Expected an "
            "image model that answers a few images. Don't use this model; or set trust if you know "
            "who made it"
        )
    _touch(mark)


def mark_as_tried(folder: Path) -> None:
    """Note that a folder holds a model of features that runs; it isn't tried then."""
    _touch(_mark(folder, Reading()))


def _mark(folder: Path, reading: Reading) -> Path:
    text = json.dumps([TRIAL_VERSION, tree_digest(folder), reading.kind, reading.output])
    return cache_dir() / "tried" / hashlib.sha256(text.encode()).hexdigest()


def _touch(mark: Path) -> None:
    with suppress(OSError):  # it only saves time
        mark.parent.mkdir(parents=True, exist_ok=True)
        mark.touch()


def _problem(folder: Path, name: str, reading: Reading) -> str | None:
    """What went wrong, in a few words; None if the model answered."""
    try:
        problem: str | None = in_own_process(
            "tl_core.models.trial_process:problem",
            folder=str(folder.absolute()), name=name, reading=reading._asdict(),
        )  # fmt: skip
    except ProcessError as error:
        return line_of(error)
    return problem
