"""A trained model as a SavedModel that plain TensorFlow serves, without this package.

The folder has three uses. It is a served classifier, with the signatures ``serving_default`` for
pixels and ``serving_bytes`` for files. It is a Hub-style reusable extractor: calling it returns
features, so that the folder is itself a model handle. And ``TransferModel.load`` reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tl_core.errors import ModelError, line_of
from tl_core.graph_images import decode, graph_resize
from tl_core.head import Head
from tl_core.models.export import save_module
from tl_core.models.handles import public_name
from tl_core.models.notes import NOTES_FILE, read_notes
from tl_core.models.trial import mark_as_tried
from tl_core.storage import atomic_dir, storing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike

    from tl_core.models import HubModule
    from tl_core.models.untyped import Loaded, Tensor, Variable

#: Version of the notes; raised when their meaning changes.
VERSION = 1


@dataclass(frozen=True)
class Trained:
    """A trained head, with its extractor's handle, image size in pixels and resize method.

    Class names are in label order; the seed is the random seed of training.
    """

    handle: str
    image_size: int
    resize: str
    class_names: tuple[str, ...]
    seed: int
    head: Head


def save_model(
    model: Trained, module: HubModule, folder: str | PathLike[str], *, overwrite: bool = False
) -> None:
    """Write a model to ``folder``.

    ``serving_default`` takes ``images``, uint8 RGB ``(n, h, w, 3)`` of any one size, and gives
    ``probabilities`` float32 ``(n, classes)`` and ``label``, the most probable class's name,
    string ``(n,)``. ``serving_bytes`` takes ``files``, the bytes of JPEG, PNG, BMP or GIF pictures.

    One thing differs from ``predict``: tf.image resizes in the graph, not Pillow. Images of the
    model's size get the same results; for others see ``graph_images.GRAPH_METHODS``.
    ``serving_bytes`` decodes as ``load_image`` does, EXIF orientation and transparent PNG included;
    see ``graph_images.decode``.

    Raises:
        ModelError: The folder exists and ``overwrite`` is off, or TensorFlow has no filter that is
            close to the model's.
        StorageError: The folder can't be written.
    """
    target = Path(folder)
    if target.exists() and not overwrite and (not target.is_dir() or any(target.iterdir())):
        raise ModelError(f"{target}: the folder exists; choose a new one or allow overwriting")
    # Without the saved model around it, which would otherwise nest with every save.
    saved_by_us = read_notes(module.path).get("version") == VERSION
    with storing(target, "name another folder"), atomic_dir(target) as part:
        _write(model, module.member("backbone") if saved_by_us else module, part)
    mark_as_tried(target)  # what it is made of has just run


def saved_class_names(folder: str | PathLike[str]) -> tuple[str, ...] | None:
    """Class names of a model that ``save_model`` wrote; None for other folders."""
    facts = read_notes(Path(folder))
    return tuple(facts.get("class_names", ())) if facts.get("version") == VERSION else None


def load_model(folder: str | PathLike[str]) -> Trained:
    """Read a model that ``save_model`` wrote; the folder is also its extractor's handle.

    ModelError if it has no such model.
    """
    import tensorflow as tf

    path = Path(folder)
    facts = read_notes(path)
    if facts.get("version") != VERSION:
        raise ModelError(
            f"{path}: not a model that `TransferModel.save` wrote (no {NOTES_FILE} of version "
            f"{VERSION}); pass other SavedModels to FeatureExtractor as its handle"
        )
    try:
        values = tf.train.load_checkpoint(str(path / "variables" / "variables"))
        kernel, bias = (
            values.get_tensor(f"{name}/.ATTRIBUTES/VARIABLE_VALUE") for name in ("kernel", "bias")
        )
        names = tuple(facts["class_names"])
        handle, size, resize, seed = (facts[k] for k in ("handle", "image_size", "resize", "seed"))
        if kernel.ndim != 2 or kernel.shape[1:] != (len(names),) or bias.shape != (len(names),):
            raise ValueError(f"a head {kernel.shape}, {bias.shape} for {len(names)} classes")
    except (LookupError, RuntimeError, ValueError, tf.errors.OpError) as error:
        raise ModelError(
            f"{path}: damaged ({line_of(error)}); expected what `TransferModel.save` wrote. Copy "
            "the folder or save the model again"
        ) from error
    head = Head(*kernel.shape)
    head.assign(kernel, bias)
    return Trained(handle, size, resize, names, seed, head)


def _write(model: Trained, module: HubModule, folder: Path) -> None:
    import tensorflow as tf

    kernel, bias = tf.Variable(model.head.kernel), tf.Variable(model.head.bias)
    resize = graph_resize(model.resize, model.image_size)
    save_module(
        folder,
        module,
        module.variables,
        image_shape=(model.image_size, model.image_size, 3),
        image_size=model.image_size,
        training=module.takes_training,
        members={"kernel": kernel, "bias": bias, "backbone": module.loaded},
        signatures=signatures(module, kernel, bias, model.class_names, resize),
        notes={
            "version": VERSION,
            "handle": public_name(model.handle),
            "resize": model.resize,
            "backbone": module.reading,
            "class_names": list(model.class_names),
            "seed": model.seed,
        },
    )


def signatures(
    module: HubModule,
    kernel: Variable,
    bias: Variable,
    class_names: Sequence[str],
    resize: Callable[[Tensor], Tensor],
) -> dict[str, Loaded]:
    """The functions ``serving_default`` and ``serving_bytes``; see ``save_model``.

    The head has ``kernel``, float32 ``(features, classes)``, and ``bias`` ``(classes,)``; the names
    of classes are in label order; ``resize`` is ``graph_resize``'s.
    """
    import tensorflow as tf

    names = tf.constant(class_names)

    def serve(images: Tensor) -> dict[str, Tensor]:
        features = module(tf.cast(resize(images), tf.float32) / 255.0, training=False)
        probabilities = tf.nn.softmax(features @ kernel + bias)
        label = tf.gather(names, tf.argmax(probabilities, axis=1))
        return {"probabilities": probabilities, "label": label}

    def read(file: Tensor) -> Tensor:
        return resize(decode(file)[None])[0]

    def serve_bytes(files: Tensor) -> dict[str, Tensor]:
        return serve(tf.map_fn(read, files, fn_output_signature=tf.uint8))

    images = tf.TensorSpec((None, None, None, 3), tf.uint8, name="images")
    files = tf.TensorSpec((None,), tf.string, name="files")
    return {
        "serving_default": tf.function(serve, input_signature=[images], autograph=False),
        "serving_bytes": tf.function(serve_bytes, input_signature=[files], autograph=False),
    }
