"""A trained model as a SavedModel that plain TensorFlow serves, without this package.

The folder is three things at once: a served classifier (signatures ``serving_default`` for pixels
and ``serving_bytes`` for files), a Hub-style reusable extractor (calling it gives features, so the
folder is itself a model handle), and what ``TransferModel.load`` needs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tl_core.errors import ModelError
from tl_core.head import DenseHead
from tl_core.models.export import NOTES_FILE, read_notes, save_module
from tl_core.models.forms import public_name
from tl_core.serving_graph import signatures
from tl_core.storage import atomic_dir

if TYPE_CHECKING:
    from os import PathLike

    from tl_core.models import HubModule
    from tl_core.transfer import TransferModel

#: Of what the notes hold; raised when their meaning changes.
VERSION = 1


def save_model(
    model: TransferModel, folder: str | PathLike[str], *, overwrite: bool = False
) -> None:
    """Write ``model`` to ``folder``.

    ``serving_default`` takes ``images``, uint8 RGB ``(n, h, w, 3)`` of any one size, and gives
    ``probabilities`` float32 ``(n, classes)`` and ``label``, the most probable class's name,
    string ``(n,)``. ``serving_bytes`` takes ``files``, the bytes of JPEG, PNG, BMP or GIF pictures.

    Two things differ from ``predict``. tf.image resizes in the graph, not Pillow: images that have
    the model's size already get the same answers, for others see ``serving_graph.GRAPH_METHODS``.
    And ``serving_bytes`` doesn't turn pictures upright by their EXIF orientation, as ``load_image``
    does, since TensorFlow can't read it: turn such pictures before they are sent. Otherwise it
    decodes as ``load_image`` does, transparent PNG over white included; see
    ``serving_graph.decode``.

    Raises:
        ModelError: The folder exists and ``overwrite`` is off, or TensorFlow has no filter that is
            near the model's.
    """
    target = Path(folder)
    if target.exists() and not overwrite and (not target.is_dir() or any(target.iterdir())):
        raise ModelError(f"{target}: exists; name a new folder or allow it to be overwritten")
    with atomic_dir(target) as part:
        _write(model, _backbone(model.extractor.module), part)


def load_model(
    folder: str | PathLike[str], *, device: str = "cpu", threads: int | None = None
) -> TransferModel:
    """Read a model that ``save_model`` wrote.

    Raises:
        ModelError: The folder holds no such model.
    """
    import tensorflow as tf

    from tl_core.extractor import FeatureExtractor
    from tl_core.transfer import TransferModel

    path = Path(folder)
    facts = _facts(path)
    extractor = FeatureExtractor(
        str(path.absolute()),
        image_size=facts["image_size"],
        resize=facts["resize"],
        device=device,
        threads=threads,
    )
    extractor.handle = facts["handle"]
    model = TransferModel(extractor, facts["class_names"], seed=facts["seed"])
    values = tf.train.load_checkpoint(str(path / "variables" / "variables"))
    kernel, bias = (
        values.get_tensor(f"{name}/.ATTRIBUTES/VARIABLE_VALUE") for name in ("kernel", "bias")
    )
    model.head.assign(kernel, bias)
    return model


def _facts(path: Path) -> dict[str, Any]:
    facts = read_notes(path)
    if facts.get("version") != VERSION:
        raise ModelError(
            f"{path}: not a model that `TransferModel.save` wrote (no {NOTES_FILE} of version "
            f"{VERSION}); a SavedModel of another origin is a handle for FeatureExtractor"
        )
    return facts


def _backbone(module: HubModule) -> HubModule:
    """The module without the saved model around it, which would otherwise nest at every saving."""
    saved_by_us = read_notes(module.path).get("version") == VERSION
    return module.member("backbone") if saved_by_us else module


def _write(model: TransferModel, module: HubModule, folder: Path) -> None:
    size, head = model.extractor.image_size, DenseHead.of(model.head)
    save_module(
        folder,
        module,
        module.variables,
        image_shape=(size, size, 3),
        image_size=size,
        training=module.takes_training,
        members={"kernel": head.kernel, "bias": head.bias, "backbone": module.loaded},
        signatures=signatures(model, head, module),
        notes={
            "version": VERSION,
            "handle": public_name(model.extractor.handle),
            "resize": model.extractor.resize,
            "class_names": list(model.class_names),
            "seed": model.seed,
        },
    )
