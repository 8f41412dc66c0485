"""Keras's models with ImageNet weights as modules that take [0, 1], like TensorFlow Hub's."""

from __future__ import annotations

import contextlib
import sys
from difflib import get_close_matches
from importlib.metadata import version
from typing import TYPE_CHECKING

from tl_core.errors import ModelError
from tl_core.models.export import FORMAT_VERSION, cached_export, save_module, values_digest
from tl_core.progress import bars

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tl_core.models.settings import Kind
    from tl_core.models.untyped import Loaded, Tensor

PREFIX = "keras:"
#: Raised when the conversion changes.
CONVERTER_VERSION = 1
#: Side in pixels of the images on which a model was trained, if it isn't 224. Source: the
#: ``default_size`` of each model in tf_keras.applications.
_USUAL_SIZE = 224
_SIZES = {
    "EfficientNetB1": 240, "EfficientNetB2": 260, "EfficientNetB3": 300, "EfficientNetB4": 380,
    "EfficientNetB5": 456, "EfficientNetB6": 528, "EfficientNetB7": 600,
    "EfficientNetV2B1": 240, "EfficientNetV2B2": 260, "EfficientNetV2B3": 300,
    "EfficientNetV2S": 384, "EfficientNetV2M": 480, "EfficientNetV2L": 480,
    "InceptionV3": 299, "InceptionResNetV2": 299, "Xception": 299, "NASNetLarge": 331,
}  # fmt: skip


def native_size(name: str) -> int:
    """Side in pixels of the images on which the model of this name was trained."""
    return _SIZES.get(name, _USUAL_SIZE)


def model_names() -> tuple[str, ...]:
    """The names that may follow ``keras:``, sorted; imports Keras."""
    from tf_keras import applications

    return tuple(sorted(name for name in dir(applications) if name[0].isupper()))


def convert(name: str, kind: Kind) -> Path:
    """A model of tf_keras.applications, such as ``VGG16``, as a SavedModel folder in the cache.

    Its input is float32 RGB in [0, 1]; Keras's preprocessing is in the graph. Its output is the
    average-pooled last map for ``"features"``, 1000 class scores for ``"logits"``. Keras downloads
    the weights the first time, into its own cache (``KERAS_HOME``).

    Raises:
        ModelError: No such model, or its weights aren't available.
    """
    _checked(name)
    keras_version = version("tf_keras")
    key = f"keras-{name}-{kind}-{keras_version}-{CONVERTER_VERSION}.{FORMAT_VERSION}"
    return cached_export(key, lambda folder: export(name, kind, folder))


def export(name: str, kind: Kind, folder: Path, weights: str | None = "imagenet") -> None:
    """Write a model as ``convert`` does into an empty folder.

    Weights are ``"imagenet"``, a file, or None for random ones, as in Keras.
    """
    model, preprocess = _build(_checked(name), kind, weights), preprocessing(name)

    def forward(images: Tensor, training: bool) -> Tensor:  # noqa: FBT001 -- as Hub's
        return model(preprocess(images * 255.0), training=training)

    save_module(
        folder,
        forward,
        model.variables,
        image_shape=(native_size(name), native_size(name), 3),
        image_size=native_size(name),
        # Without Keras's version: other versions have the same weights, and versions are compared.
        made_of={
            "model": f"{PREFIX}{name}",
            "kind": kind,
            "weights": values_digest(model.variables),
            "converter": CONVERTER_VERSION,
        },
    )


def _checked(name: str) -> str:
    names = model_names()
    if name in names:
        return name
    lower = {known.lower(): known for known in names}
    close = [lower[each] for each in get_close_matches(name.lower(), lower, n=3, cutoff=0.5)]
    hint = f"did you mean {' or '.join(PREFIX + each for each in close)}?" if close else ""
    known = hint or f"expected one of {', '.join(names)}"
    raise ModelError(f"{PREFIX}{name}: no such model in tf_keras.applications; {known}")


def preprocessing(name: str) -> Callable[[Tensor], Tensor]:
    """A model's preprocessing of float32 RGB from 0 to 255, as its module in Keras defines it."""
    from tf_keras import applications

    module = sys.modules[getattr(applications, name).__module__]
    preprocess: Callable[[Tensor], Tensor] = module.preprocess_input
    return preprocess


def _build(name: str, kind: Kind, weights: str | None) -> Loaded:
    from tf_keras import applications

    # Never of open size: several models then pad as for odd sizes, which shifts their maps.
    size = native_size(name)
    top = (
        {"include_top": True, "classifier_activation": None}
        if kind == "logits"
        else {"include_top": False, "pooling": "avg"}
    )
    try:
        # Keras reports its download on stdout, where scripts expect results.
        with contextlib.redirect_stdout(bars()):
            return getattr(applications, name)(weights=weights, input_shape=(size, size, 3), **top)
    except Exception as error:  # a failed download in Keras is a bare Exception
        raise ModelError(
            f"{PREFIX}{name}: can't be built with weights {weights!r} ({error}). If the network "
            "is the reason, put the weights file into ~/.keras/models and try again"
        ) from error
