"""Write a network as a reusable TensorFlow 2 SavedModel in the form that TensorFlow Hub serves."""

from __future__ import annotations

import hashlib
import json
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from tl_core.devices import ready_tensorflow
from tl_core.models.input_range import UNIT
from tl_core.models.savedmodel import fault
from tl_core.storage import cache_dir, cached_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from tl_core.models.untyped import Loaded, Tensor, Variable

#: Raised when what ``save_module`` writes changes, so that older exports are not reused.
FORMAT_VERSION = 2
#: SavedModel's folder for files that TensorFlow ignores, and ours in it.
NOTES_FILE = "assets.extra/tlbench.json"


def cached_export(key: str, export: Callable[[Path], None]) -> Path:
    """The folder in the cache that ``export`` wrote for this key, made where absent or broken.

    Anything that changes the content must be part of the key.
    """

    def write(folder: Path) -> None:
        ready_tensorflow()
        export(folder)
        fault(folder)  # while TensorFlow is loaded: its content is known from now on

    return cached_dir(cache_dir() / "models" / key, lambda path: fault(path) is None, write)


def exported_models() -> dict[str, Path]:
    """The feature extractors that ``cached_export`` keeps: the latest folder of each handle."""
    notes = (cache_dir() / "models").glob(f"*/{NOTES_FILE}")
    folders = (file.parents[1] for file in sorted(notes, key=lambda file: file.stat().st_mtime))
    made_of = {folder: read_notes(folder).get("made_of", {}) for folder in folders}
    return {
        each["model"]: folder
        for folder, each in made_of.items()
        if "model" in each and each.get("kind") == "features" and not each.get("layer")
    }


def save_module(
    folder: Path,
    forward: Callable[[Tensor, bool], Tensor],
    variables: Sequence[Variable],
    *,
    image_shape: tuple[int | None, ...],
    image_size: int | None,
    training: bool = True,
    members: Mapping[str, Loaded] = MappingProxyType({}),
    signatures: Mapping[str, Loaded] | None = None,
    notes: Mapping[str, object] = MappingProxyType({}),
    made_of: Mapping[str, str | int] | None = None,
) -> None:
    """Write a reusable SavedModel: ``__call__(inputs, training=False)`` and its variables.

    Args:
        folder: Where to write; exists and is empty.
        forward: From float32 RGB in [0, 1] ``(n, h, w, 3)`` and whether it is training, to float32
            ``(n, d)``. Notes of another ``input_range`` or None say that it takes something else.
        variables: All that ``forward`` reads.
        image_shape: Height, width (None where any) and channels of the input.
        image_size: The side in pixels of the images that it was trained on; None where unknown.
        training: Whether ``forward`` can train; else only its inference form is written.
        members: Further trackable objects to save, by attribute name.
        signatures: Functions to serve; None: ``serving_default`` from ``inputs`` to ``outputs``.
        notes: Further facts, as JSON; read again with ``read_notes``.
        made_of: All that decides what the network computes, the same on every machine: the model's
            fingerprint is made from it. None: from the files, which are different in each export.
    """
    import tensorflow as tf

    spec = tf.TensorSpec((None, *image_shape), tf.float32, name="inputs")
    # No AutoGraph: the networks' conditions are Python's, and translating them takes seconds.
    call = tf.function(lambda inputs, training=False: forward(inputs, training), autograph=False)
    for mode in (True, False) if training else (False,):
        call.get_concrete_function(spec, training=mode)
    if signatures is None:
        serve = tf.function(lambda inputs: {"outputs": call(inputs)}, autograph=False)
        signatures = {"serving_default": serve.get_concrete_function(spec)}
    trainable = [v for v in variables if v.trainable]
    hub = {"variables": [*variables], "trainable_variables": trainable, "regularization_losses": []}
    # Not a tf.Module: its properties of these names would be lost in saving.
    module = tf.train.Checkpoint(**hub, **members)
    module.__call__ = call
    tf.saved_model.save(module, str(folder), signatures=dict(signatures))
    facts = {"image_size": image_size, **notes, **({"made_of": dict(made_of)} if made_of else {})}
    _write_notes(folder / NOTES_FILE, facts)


def _write_notes(file: Path, notes: Mapping[str, object]) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(notes, indent=1) + "\n", "utf-8")


def values_digest(variables: Iterable[Variable]) -> str:
    """The sha256 of variables' values, shapes and dtypes, whatever their order and names."""
    digests = []
    for value in (variable.numpy() for variable in variables):
        whole = hashlib.sha256(f"{value.dtype} {value.shape} ".encode())
        whole.update(np.ascontiguousarray(value).data)
        digests.append(whole.hexdigest())
    return hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()


def read_notes(folder: Path) -> dict[str, Any]:
    """The facts that ``save_module`` noted; empty for SavedModels of others."""
    try:
        notes = json.loads((folder / NOTES_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return notes if isinstance(notes, dict) else {}


def noted_image_size(folder: Path) -> int | None:
    """The side in pixels that ``save_module`` noted in a SavedModel folder, None for others'."""
    size = read_notes(folder).get("image_size")
    return size if isinstance(size, int) else None


def noted_range(folder: Path) -> str | None:
    """The input range of a SavedModel that ``save_module`` wrote, None where that isn't known."""
    notes = read_notes(folder)
    known: str | None = notes.get("input_range", UNIT if "image_size" in notes else None)
    return known
