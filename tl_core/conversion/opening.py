"""A model in another format, with what an engine must know of it to run it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tl_core.conversion.cache import cached, cached_json, version_of
from tl_core.conversion.frozen import freeze
from tl_core.models import require
from tl_core.models.module import require_classes, size_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tl_core.models.model import Model
    from tl_core.models.settings import NetworkSettings
    from tl_core.models.untyped import Loaded

NOTES = "notes.json"


@dataclass(frozen=True)
class Conversion:
    """A converted model.

    Attributes:
        folder: With the format's own files.
        image_size: Side of the square input in pixels.
        output_size: Number of features, or of classes.
    """

    folder: Path
    image_size: int
    output_size: int


def model_facts(model: Model, size: int | None, packages: Iterable[str] = ()) -> dict[str, object]:
    """All that a model's conversions and measurements depend on.

    Args:
        model: The model.
        size: Side of the square input in pixels; None for the model's own.
        packages: Distributions whose versions matter, besides TensorFlow.
    """
    return {
        "model": model.digest,
        "kind": model.kind,
        "image_size": size if size is None else int(size),
        "versions": {name: version_of(name) for name in ("tensorflow", *packages)},
    }


def convert(
    model: Model,
    settings: NetworkSettings,
    form: str,
    packages: Iterable[str],
    write: Callable[[Loaded, int, Path], None],
    *,
    scaled: bool = False,
) -> Conversion:
    """The model in another format, from the cache or made now.

    Args:
        model: The model.
        settings: Its image size, or the labels that there are.
        form: The format's name, with all that it depends on besides packages.
        packages: Distributions whose versions decide what is written, besides TensorFlow.
        write: Gets the frozen function (see ``freeze``), the image size and an empty folder.
        scaled: Whether the frozen function takes images that are scaled already.

    Raises:
        ModelError: As for the reference engine.
    """
    size = size_for(model.handle, settings.image_size or _own_size(model), settings)

    def make(folder: Path) -> None:
        module = model.load()
        require(module, model.kind, settings.classes)
        write(freeze(module, size, scaled=scaled), size, folder)
        notes = {"output_size": module.output_size}
        (folder / NOTES).write_text(json.dumps(notes), encoding="utf-8")

    folder = cached({**model_facts(model, size, packages), "format": form}, make)
    notes = json.loads((folder / NOTES).read_text(encoding="utf-8"))
    if model.kind == "logits":  # a conversion doesn't depend on the labels at hand
        require_classes(model.handle, notes["output_size"], settings.classes)
    return Conversion(folder, int(size), notes["output_size"])


def _own_size(model: Model) -> int | None:
    """The image size that the model names, cached so that the model needn't be loaded for it."""
    facts = {**model_facts(model, None), "format": "image size, 2"}
    size: int | None = cached_json(facts, lambda: model.load().image_size)
    return size
