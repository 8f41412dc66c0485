"""What this library notes beside a SavedModel that it writes, read back as data of known types."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, TypedDict

import msgspec

from tl_core.errors import ModelError, line_of
from tl_core.models.input_range import RANGES, UNIT

if TYPE_CHECKING:
    from pathlib import Path

#: SavedModel's folder for files that TensorFlow ignores, and the notes' name in it.
NOTES_FILE = "assets.extra/tlbench.json"
#: Most bytes of the file: class names may be thousands.
MOST_BYTES = 1 << 24

Side = Annotated[int, msgspec.Meta(ge=1, le=2**16)]
Count = Annotated[int, msgspec.Meta(ge=0, le=2**31)]


class Reading(TypedDict, total=False):
    """How a model within the model is read."""

    input_range: str | None
    output: str | None


class Notes(TypedDict, total=False):
    """All that may be noted; ``made_of`` is as for ``export.save_module``."""

    image_size: Side | None
    input_range: str | None
    likely_range: str | None
    classifier_outputs: Count
    made_of: dict[str, str | int]
    # Of a trained model, see ``serving.save_model``.
    version: Count
    handle: str
    resize: str
    backbone: Reading
    class_names: list[str]
    seed: Count


def read_notes(folder: Path) -> dict[str, Any]:
    """The notes of a SavedModel that this library wrote, as ``Notes``; empty for others.

    Raises:
        ModelError: There are some, but not such ones.
    """
    file = folder / NOTES_FILE
    if not file.is_file():
        return {}
    try:
        if file.stat().st_size > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES:,} bytes")
        notes: dict[str, Any] = dict(msgspec.json.decode(file.read_bytes(), type=Notes))
        _check_ranges(notes)
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            f"{file}: {line_of(error)}; expected what was written when the model was saved. Copy "
            "or save the model again"
        ) from error
    return notes


def _check_ranges(notes: dict[str, Any]) -> None:
    """ValueError for an input range that isn't one of ``RANGES``."""
    named = (notes.get("input_range"), notes.get("likely_range"))
    for name in (*named, notes.get("backbone", {}).get("input_range")):
        if name not in (None, *RANGES):
            raise ValueError(f"input range {name!r}, expected one of {', '.join(RANGES)}")


def noted_image_size(folder: Path) -> int | None:
    """The noted image size in pixels; None for other SavedModels."""
    size: int | None = read_notes(folder).get("image_size")
    return size


def noted_range(folder: Path) -> str | None:
    """The noted input range; None if it isn't known."""
    notes = read_notes(folder)
    known: str | None = notes.get("input_range", UNIT if "image_size" in notes else None)
    return known
