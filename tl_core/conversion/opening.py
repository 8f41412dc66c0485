"""Convert a model to another format, with the facts that an engine needs to run it."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tl_core.conversion.cache import cached, cached_json, version_of
from tl_core.models import require
from tl_core.models.module import size_for
from tl_core.models.requirement import require_classes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from tl_core.models import HubModule
    from tl_core.models.module import Model
    from tl_core.models.settings import NetworkSettings
    from tl_core.models.untyped import Loaded, Tensor

log = logging.getLogger(__name__)

NOTES = "notes.json"
#: The name of a frozen graph's input.
INPUT = "images"


@dataclass(frozen=True)
class Conversion:
    """A converted model: its folder, side of the square input in pixels, and number of outputs.

    ``batch`` is the number of images that it takes at once, None for any.
    """

    folder: Path
    image_size: int
    output_size: int
    batch: int | None


def model_facts(model: Model, size: int | None, packages: Iterable[str] = ()) -> dict[str, object]:
    """All that a model's conversions and measurements depend on.

    ``size`` is the side of its square input in pixels, None for its own; ``packages`` are the
    distributions whose versions matter, besides TensorFlow.
    """
    return {
        "model": model.digest,
        "kind": model.kind,
        "image_size": size if size is None else int(size),
        "versions": {name: version_of(name) for name in ("tensorflow", *packages)},
    }


def freeze(module: HubModule, size: int, *, scaled: bool = False) -> Loaded:
    """A concrete function without variables, from ``images`` to float32 ``(n, d)``.

    Its images are uint8 RGB ``(n, size, size, 3)``, or float32 in [0, 1] where ``scaled``; as many
    as the module takes at once.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    def run(images: Tensor) -> Tensor:
        unit = images if scaled else tf.cast(images, tf.float32) / 255.0
        return module(unit, training=False)

    dtype = tf.float32 if scaled else tf.uint8
    spec = tf.TensorSpec((module.batch, size, size, 3), dtype, name=INPUT)
    function = tf.function(run, input_signature=[spec], autograph=False)
    return convert_variables_to_constants_v2(function.get_concrete_function())


def convert(
    model: Model,
    settings: NetworkSettings,
    form: str,
    packages: Iterable[str],
    write: Callable[[Loaded, Path], None],
    *,
    scaled: bool = False,
) -> Conversion:
    """The model in another format, from the cache or made now; errors as for the reference engine.

    Args:
        model: The model.
        settings: They decide its image size and the expected number of classes.
        form: The format's name, with all that the conversion depends on besides packages.
        packages: Distributions on whose versions the conversion depends, besides TensorFlow.
        write: Gets the frozen function (see ``freeze``) and an empty folder.
        scaled: Whether the frozen function takes images that are already scaled.
    """
    size = size_for(model.handle, settings.image_size or own_size(model), settings)

    def make(folder: Path) -> None:
        log.info("converting %s to %s, once", model.handle, form)
        module = model.load()
        require(module, model.kind, settings.classes, size)
        write(freeze(module, size, scaled=scaled), folder)
        notes = {"output_size": module.output_size, "batch": module.batch}
        (folder / NOTES).write_text(json.dumps(notes), encoding="utf-8")

    folder = cached({**model_facts(model, size, packages), "format": form}, make)
    notes = json.loads((folder / NOTES).read_text(encoding="utf-8"))
    if model.kind == "logits":  # a conversion doesn't depend on the labels
        require_classes(model.handle, notes["output_size"], settings.classes)
    return Conversion(folder, int(size), notes["output_size"], notes.get("batch"))


def own_size(model: Model) -> int | None:
    """The image size that the model states, cached so that it isn't loaded only for this."""
    facts = {**model_facts(model, None), "format": "image size, 2"}
    size: int | None = cached_json(facts, lambda: model.load().image_size)
    return size
