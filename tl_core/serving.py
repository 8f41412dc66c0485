"""A trained model as a SavedModel that plain TensorFlow serves, without this package.

The folder is three things at once: a served classifier (signatures ``serving_default`` for pixels
and ``serving_bytes`` for files), a Hub-style reusable extractor (calling it gives features, so the
folder is itself a model handle), and what ``TransferModel.load`` needs.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tl_core.errors import ModelError
from tl_core.models.export import NOTES_FILE, read_notes, save_module
from tl_core.resize import TF_PREFIX
from tl_core.storage import atomic_dir

if TYPE_CHECKING:
    from collections.abc import Callable
    from os import PathLike

    from tl_core.models import HubModule
    from tl_core.models.untyped import Loaded, Tensor
    from tl_core.transfer import TransferModel

#: Of what the notes hold; raised when their meaning changes.
VERSION = 1
#: tf.image's counterparts of Pillow's filters, equal within rounding.
GRAPH_METHODS = {
    "nearest": "nearest",
    "bilinear": "bilinear",
    "bicubic": "bicubic",
    "lanczos": "lanczos3",
}


def save_model(
    model: TransferModel, folder: str | PathLike[str], *, overwrite: bool = False
) -> None:
    """Write ``model`` to ``folder``.

    ``serving_default`` takes ``images``, uint8 RGB ``(n, h, w, 3)`` of any one size (resized in
    the graph by tf.image, within rounding of Pillow), and gives ``probabilities`` float32
    ``(n, classes)`` and ``label``, the most probable class's name, string ``(n,)``.
    ``serving_bytes`` takes ``files``, the bytes of JPEG, PNG, BMP or GIF pictures.

    Raises:
        ModelError: The folder exists and ``overwrite`` is off, the engine isn't tensorflow, or
            TensorFlow lacks the resize method.
    """
    target = Path(folder)
    if target.exists() and not overwrite and (not target.is_dir() or any(target.iterdir())):
        raise ModelError(f"{target}: exists; name a new folder or allow it to be overwritten")
    modules = getattr(model.extractor.network, "modules", None)
    if modules is None:
        raise ModelError(
            f"engine {model.extractor.engine!r}: only models trained with the engine tensorflow "
            "can be saved as a SavedModel"
        )
    with atomic_dir(target) as part:
        _write(model, modules[0], part)


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
    for name, variable in (("kernel", model.head.kernel), ("bias", model.head.bias)):
        variable.assign(values.get_tensor(f"{name}/.ATTRIBUTES/VARIABLE_VALUE"))
    return model


def _facts(path: Path) -> dict[str, Any]:
    facts = read_notes(path)
    if facts.get("version") != VERSION:
        raise ModelError(
            f"{path}: not a model that `TransferModel.save` wrote (no {NOTES_FILE} of version "
            f"{VERSION}); a SavedModel of another origin is a handle for FeatureExtractor"
        )
    return facts


def _write(model: TransferModel, module: HubModule, folder: Path) -> None:
    size = model.extractor.image_size
    save_module(
        folder,
        module,
        module.variables,
        image_shape=(size, size, 3),
        image_size=size,
        training=module.takes_training,
        members={"kernel": model.head.kernel, "bias": model.head.bias, "backbone": module.loaded},
        signatures=_signatures(model, module),
        notes={
            "version": VERSION,
            "handle": model.extractor.handle,
            "resize": model.extractor.resize,
            "class_names": list(model.class_names),
            "seed": model.seed,
        },
    )


def _signatures(model: TransferModel, module: HubModule) -> dict[str, Loaded]:
    import tensorflow as tf

    names = tf.constant(model.class_names)
    resize = _graph_resize(model.extractor.resize, model.extractor.image_size)

    def serve(images: Tensor) -> dict[str, Tensor]:
        features = module(tf.cast(resize(images), tf.float32) / 255.0, training=False)
        probabilities = tf.nn.softmax(model.head.logits(features))
        label = tf.gather(names, tf.argmax(probabilities, axis=1))
        return {"probabilities": probabilities, "label": label}

    def decode(file: Tensor) -> Tensor:
        image = tf.io.decode_image(file, channels=3, expand_animations=False)
        image.set_shape((None, None, 3))
        return resize(image[None])[0]

    def serve_bytes(files: Tensor) -> dict[str, Tensor]:
        return serve(tf.map_fn(decode, files, fn_output_signature=tf.uint8))

    images = tf.TensorSpec((None, None, None, 3), tf.uint8, name="images")
    files = tf.TensorSpec((None,), tf.string, name="files")
    return {
        "serving_default": tf.function(serve, input_signature=[images], autograph=False),
        "serving_bytes": tf.function(serve_bytes, input_signature=[files], autograph=False),
    }


def _graph_resize(method: str, size: int) -> Callable[[Tensor], Tensor]:
    """uint8 images of any size to uint8 at the model's, inside a graph.

    Raises:
        ModelError: TensorFlow has no such filter, and another would cost accuracy unnoticed.
    """
    import tensorflow as tf

    name = GRAPH_METHODS.get(method, method.removeprefix(TF_PREFIX))
    if method not in GRAPH_METHODS and not method.startswith(TF_PREFIX):
        raise ModelError(
            f"resize method {method!r}: TensorFlow has no such filter, so the model can't be "
            f"served; train with one of {', '.join(GRAPH_METHODS)}"
        )

    def resize(images: Tensor) -> Tensor:
        resized = tf.image.resize(images, (size, size), method=name, antialias=True)
        pixels = tf.cast(tf.clip_by_value(tf.round(resized), 0.0, 255.0), tf.uint8)
        return tf.ensure_shape(pixels, (None, size, size, 3))

    return resize
