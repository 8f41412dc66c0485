"""A trained model as a SavedModel that plain TensorFlow serves, without this package.

The folder is three things at once: a served classifier (signatures ``serving_default`` for pixels
and ``serving_bytes`` for files), a Hub-style reusable extractor (calling it gives features, so the
folder is itself a model handle), and what ``TransferModel.load`` needs.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tl_core.errors import ModelError
from tl_core.resize import TF_PREFIX
from tl_core.storage import atomic_dir

if TYPE_CHECKING:
    from os import PathLike

    from tl_core.models.module import HubModule
    from tl_core.transfer import TransferModel

#: Where the facts that TensorFlow doesn't keep are written.
METADATA = Path("assets.extra") / "tlbench.json"
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
    the graph by tf.image, within rounding of Pillow), and gives ``probabilities``
    float32 ``(n, classes)`` and ``label``, the most probable class's name, string ``(n,)``.
    ``serving_bytes`` takes ``files``, the bytes of JPEG, PNG, BMP or GIF pictures.

    Raises:
        ModelError: The folder exists and ``overwrite`` is off, or the engine isn't tensorflow.
    """
    import tensorflow as tf

    target = Path(folder)
    if target.exists() and not overwrite and (not target.is_dir() or any(target.iterdir())):
        raise ModelError(f"{target}: exists; name a new folder or allow it to be overwritten")
    modules = getattr(model.extractor.network, "modules", None)
    if modules is None:
        raise ModelError(
            f"engine {model.extractor.engine!r}: only models trained with the engine tensorflow "
            "can be saved as a SavedModel"
        )
    served = _served(model, modules[0])
    with atomic_dir(target) as part:
        tf.saved_model.save(served, str(part), signatures=_signatures(served, model))
        (part / METADATA).parent.mkdir(exist_ok=True)
        (part / METADATA).write_text(json.dumps(_metadata(model), indent=2) + "\n")


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
    facts = _read_metadata(path)
    extractor = FeatureExtractor(
        str(path),
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


def _metadata(model: TransferModel) -> dict[str, Any]:
    return {
        "version": VERSION,
        "handle": model.extractor.handle,
        "image_size": model.extractor.image_size,
        "resize": model.extractor.resize,
        "class_names": list(model.class_names),
        "seed": model.seed,
    }


def _read_metadata(path: Path) -> dict[str, Any]:
    try:
        facts: dict[str, Any] = json.loads((path / METADATA).read_text())
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{path}: not a model that tlbench saved ({METADATA} can't be read: {error})"
        ) from error
    if facts.get("version") != VERSION:
        raise ModelError(f"{path}: saved in version {facts.get('version')}, expected {VERSION}")
    return facts


def _served(model: TransferModel, module: HubModule) -> Any:  # noqa: ANN401 - tf.Module
    """The object to save: the extractor's Hub interface with the head's variables beside it."""
    import tensorflow as tf

    size = model.extractor.image_size
    served = tf.Module()
    served.extractor = module.loaded
    served.kernel, served.bias = model.head.kernel, model.head.bias
    # Plain lists under these names are what makes a SavedModel a reusable one for tensorflow_hub.
    served.regularization_losses = []
    call = tf.function(lambda images, training: module(images, training=training), autograph=False)
    pixels = tf.TensorSpec((None, size, size, 3), tf.float32, name="inputs")
    for training in (False, True):
        call.get_concrete_function(pixels, training)
    served.__call__ = call
    return served


def _graph_method(resize: str) -> str:
    """tf.image's name for a resize method.

    Raises:
        ModelError: TensorFlow has no such filter, and another would cost accuracy unnoticed.
    """
    if resize in GRAPH_METHODS:
        return GRAPH_METHODS[resize]
    if resize.startswith(TF_PREFIX):
        return resize.removeprefix(TF_PREFIX)
    raise ModelError(
        f"resize method {resize!r}: TensorFlow has no such filter, so the model can't be served; "
        f"train with one of {', '.join(GRAPH_METHODS)}"
    )


def _signatures(served: Any, model: TransferModel) -> dict[str, Any]:  # noqa: ANN401
    import tensorflow as tf

    names = tf.constant(model.class_names)
    size = model.extractor.image_size
    method = _graph_method(model.extractor.resize)

    @tf.function(
        input_signature=[tf.TensorSpec((None, None, None, 3), tf.uint8, name="images")],
        autograph=False,
    )
    def serve(images: Any) -> dict[str, Any]:  # noqa: ANN401
        pixels = tf.cast(_at_size(images, size, method), tf.float32) / 255.0
        features = served.extractor(pixels, training=False)
        probabilities = tf.nn.softmax(model.head.logits(features))
        label = tf.gather(names, tf.argmax(probabilities, axis=1))
        return {"probabilities": probabilities, "label": label}

    @tf.function(input_signature=[tf.TensorSpec((None,), tf.string, name="files")], autograph=False)
    def serve_bytes(files: Any) -> dict[str, Any]:  # noqa: ANN401
        pixels = tf.TensorSpec((size, size, 3), tf.uint8)
        return serve(
            tf.map_fn(lambda f: _decoded(f, size, method), files, fn_output_signature=pixels)
        )

    return {"serving_default": serve, "serving_bytes": serve_bytes}


def _decoded(file: Any, size: int, method: str) -> Any:  # noqa: ANN401
    import tensorflow as tf

    image = tf.io.decode_image(file, channels=3, expand_animations=False)
    image.set_shape((None, None, 3))
    return _at_size(image[None], size, method)[0]


def _at_size(images: Any, size: int, method: str) -> Any:  # noqa: ANN401
    """uint8 images of any size at the model's, rounded to uint8 as Pillow does."""
    import tensorflow as tf

    resized = tf.image.resize(images, (size, size), method=method, antialias=True)
    return tf.cast(tf.clip_by_value(tf.round(resized), 0.0, 255.0), tf.uint8)
