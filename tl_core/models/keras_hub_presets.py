"""Image classifiers of Keras Hub's presets, their own scaling in the graph."""

from __future__ import annotations

import contextlib
import hashlib
import json
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tl_core.errors import ModelError
from tl_core.models.export import FORMAT_VERSION, cached_export, values_digest
from tl_core.models.input_range import UNIT
from tl_core.models.keras_config import check_config
from tl_core.models.keras_layers import part_of, save_keras
from tl_core.models.own_process import export_with_keras
from tl_core.progress import bars
from tl_core.storage import tree_digest

if TYPE_CHECKING:
    from tl_core.models.settings import Kind
    from tl_core.models.untyped import Loaded, Tensor

PREFIX = "keras_hub:"
PACKAGE = "keras-hub"
#: Raised when the conversion changes.
CONVERTER_VERSION = 1
#: Classes of the head that a backbone without a head gets; it is cut off again.
_ANY_CLASSES = 2


def convert(name: str, kind: Kind, layer: str | None) -> Path:
    """A preset's image classifier as a SavedModel folder in the cache, converted the first time.

    Its input is float32 RGB in [0, 1]. Its output is that of ``layer``; without one, it is the
    input of the last Dense layer for ``"features"``, and its output for ``"logits"``.

    Args:
        name: A built-in preset, such as ``resnet_18_imagenet``, whose weights Keras Hub downloads
            into its own cache; one of ``kaggle://`` or ``hf://``; or a preset's folder.
        kind: ``"features"`` or ``"logits"``.
        layer: The layer whose output is used; None as above.

    Raises:
        ModelError: Keras Hub isn't installed, the preset isn't available, it isn't an image
            classifier, or a folder's files name a part that could run a program.
    """
    folder = Path(name).expanduser()
    for file in sorted(folder.glob("*.json") if folder.is_dir() else ()):
        check_config(_read(file), f"{PREFIX}{name}")
    source = tree_digest(folder) if folder.is_dir() else name
    try:
        versions = [version(PACKAGE), version("keras"), CONVERTER_VERSION, FORMAT_VERSION]
    except PackageNotFoundError as error:
        raise ModelError(
            f"{PREFIX}{name}: needs the package {PACKAGE}, which isn't installed; install the "
            "[keras-hub] extra"
        ) from error
    text = json.dumps([source, kind, layer, *versions])
    key = f"keras-hub-{hashlib.sha256(text.encode()).hexdigest()[:32]}"
    if not folder.is_dir():
        return cached_export(key, lambda target: export(name, str(target), kind, layer))
    how = {"kind": kind, "layer": layer}

    def write(target: Path) -> None:
        export_with_keras(f"{__name__}:export", str(folder), target, how, PREFIX)

    return cached_export(key, write)


def _read(file: Path) -> object:
    try:
        return json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(
            f"{file}: can't be read ({error}); expected JSON. Copy it again"
        ) from error


def public_name(handle: str) -> str:
    """A preset's handle as results show it: of a folder, only the name."""
    name = handle.removeprefix(PREFIX)
    return PREFIX + Path(name).resolve().name if Path(name).expanduser().is_dir() else handle


def export(name: str, folder: str, kind: Kind, layer: str | None) -> None:
    """Write a preset as ``convert`` does into an empty folder."""
    task = _task(name, kind)
    part = part_of(task, f"{PREFIX}{name}", kind, layer, is_classifier=True)
    converter = getattr(task.preprocessor, "image_converter", None)
    scale, offset = getattr(converter, "scale", None), getattr(converter, "offset", None)
    made_of: dict[str, str | int] = {
        "model": f"{PREFIX}{Path(name).name}",
        "kind": kind,
        "layer": layer or "",
        "scaling": f"{scale} {offset}",
        "weights": values_digest(each.value for each in part.weights),
        "converter": CONVERTER_VERSION,
    }
    if converter is None:  # then its input range is unknown
        save_keras(part, Path(folder), notes={"input_range": None}, made_of=made_of)
        return

    def preprocess(images: Tensor) -> Tensor:
        factor, summand = np.float32(1 if scale is None else scale), np.float32(offset or 0)
        return images * (np.float32(255) * factor) + summand

    side = (converter.image_size or (None,))[0]
    notes = {"input_range": UNIT} | ({} if side is None else {"image_size": side})
    save_keras(part, Path(folder), preprocess, notes=notes, made_of=made_of)


def _task(name: str, kind: Kind) -> Loaded:
    """The image classifier; for features, a backbone gets an untrained head."""
    try:
        import keras_hub

        # Keras Hub reports its downloads on stdout, where scripts expect results.
        with contextlib.redirect_stdout(bars()):
            load = keras_hub.models.ImageClassifier.from_preset
            try:
                return load(name)
            except TypeError:  # no number of classes
                if kind == "logits":
                    raise
                return load(name, num_classes=_ANY_CLASSES)
    except Exception as error:  # of Keras, Kaggle, Hugging Face, or the network
        line = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(
            f"{PREFIX}{name}: no image classifier that can be loaded ({line}); expected a preset's "
            "name, such as resnet_18_imagenet, or its folder"
        ) from error
