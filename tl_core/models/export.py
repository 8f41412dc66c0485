"""Write a network as a reusable TensorFlow 2 SavedModel in the form that TensorFlow Hub serves."""

from __future__ import annotations

import hashlib
import json
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

from tl_core.devices import ready_tensorflow
from tl_core.models.notes import NOTES_FILE, read_notes
from tl_core.models.savedmodel import fault
from tl_core.storage import cache_dir, cached_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from tl_core.models.untyped import Loaded, Tensor, Variable

#: Raised when the output of ``save_module`` changes, so that older exports are not reused.
FORMAT_VERSION = 2


def cached_export(key: str, export: Callable[[Path], None]) -> Path:
    """The folder in the cache that ``export`` wrote for this key, made if absent or broken.

    The key must include everything on which the content depends.
    """

    def write(folder: Path) -> None:
        ready_tensorflow()
        export(folder)
        fault(folder)  # while TensorFlow is loaded: from now on its content is known to be whole

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
        forward: Maps float32 RGB in [0, 1] ``(n, h, w, 3)`` and the flag ``training`` to float32
            ``(n, d)``. If it takes another range, the note ``input_range`` has it, or None.
        variables: All variables that ``forward`` reads.
        image_shape: Height, width (None for any) and channels of the input.
        image_size: The side in pixels of the images on which it was trained; None if unknown.
        training: Whether ``forward`` can train; else only its inference form is written.
        members: Further trackable objects to save, by attribute name.
        signatures: Functions to serve; None: ``serving_default`` from ``inputs`` to ``outputs``.
        notes: Further facts, as JSON; ``read_notes`` reads them.
        made_of: All on which the network's outputs depend, the same on every machine: the source of
            the model's fingerprint. None takes the files, which differ in each export.
    """
    import tensorflow as tf

    spec = tf.TensorSpec((None, *image_shape), tf.float32, name="inputs")
    # No AutoGraph: the networks use Python's conditions, and converting them takes seconds.
    call = tf.function(lambda inputs, training=False: forward(inputs, training), autograph=False)
    for mode in (True, False) if training else (False,):
        call.get_concrete_function(spec, training=mode)
    if signatures is None:
        serve = tf.function(lambda inputs: {"outputs": call(inputs)}, autograph=False)
        signatures = {"serving_default": serve.get_concrete_function(spec)}
    trainable = [v for v in variables if v.trainable]
    hub = {"variables": [*variables], "trainable_variables": trainable, "regularization_losses": []}
    # Not a tf.Module: saving would lose its properties of these names.
    module = tf.train.Checkpoint(**hub, **members)
    module.__call__ = call
    tf.saved_model.save(module, str(folder), signatures=dict(signatures))
    facts = {"image_size": image_size, **notes, **({"made_of": dict(made_of)} if made_of else {})}
    _write_notes(folder / NOTES_FILE, facts)


def _write_notes(file: Path, notes: Mapping[str, object]) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(notes, indent=1) + "\n", "utf-8")


def values_digest(variables: Iterable[Variable]) -> str:
    """The sha256 of variables' values, shapes and dtypes, without order and names."""
    digests = []
    for value in (variable.numpy() for variable in variables):
        whole = hashlib.sha256(f"{value.dtype} {value.shape} ".encode())
        whole.update(np.ascontiguousarray(value).data)
        digests.append(whole.hexdigest())
    return hashlib.sha256("".join(sorted(digests)).encode()).hexdigest()
