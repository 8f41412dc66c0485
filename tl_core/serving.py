"""A trained model as a SavedModel that plain TensorFlow serves, without this package.

The folder is three things at once: a served classifier (signatures ``serving_default`` for pixels
and ``serving_bytes`` for files), a Hub-style reusable extractor (calling it gives features, so the
folder is itself a model handle), and what ``TransferModel.load`` needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tl_core.errors import ModelError
from tl_core.head import Head
from tl_core.images import BACKGROUND
from tl_core.models.export import NOTES_FILE, read_notes, save_module
from tl_core.models.handles import public_name
from tl_core.resize import TF_PREFIX, tensorflow_resize
from tl_core.storage import atomic_dir

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from os import PathLike

    from tl_core.models import HubModule
    from tl_core.models.untyped import Loaded, Tensor, Variable

#: Of the notes; raised when their meaning changes.
VERSION = 1
#: tf.image's counterparts of Pillow's filters. Greatest differences found, in grey levels of 255,
#: enlarging to 64 to 224 pixels: bilinear 1; bicubic 25 on noise (the worst case: 1.1 % of values
#: off by more than 2), 5 on photographs; lanczos 46 on noise (4.3 %), 9 on photographs (0.4 %).
#: Pillow rounds after each of two passes and keeps taps that TensorFlow drops. "nearest" isn't
#: here: the two choose other pixels when shrinking.
GRAPH_METHODS = {"bilinear": "bilinear", "bicubic": "bicubic", "lanczos": "lanczos3"}
PNG_START = b"\x89PNG\r\n\x1a\n"
#: Where a PNG file says its bit depth and, next to it, its colour type.
PNG_DEPTH_AT = 24
PNG_PALETTE = 3


@dataclass(frozen=True)
class Trained:
    """A trained head, with its extractor's handle, image size in pixels and resize method.

    Class names are in label order; the seed is that of training.
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

    Two things differ from ``predict``. tf.image resizes in the graph, not Pillow: images that have
    the model's size already get the same answers, for others see ``GRAPH_METHODS``.
    And ``serving_bytes`` doesn't turn pictures upright by their EXIF orientation, as ``load_image``
    does, since TensorFlow can't read it: turn such pictures before they are sent. Otherwise it
    decodes as ``load_image`` does, transparent PNG over white included; see ``decode``.

    Raises:
        ModelError: The folder exists and ``overwrite`` is off, or TensorFlow has no filter that is
            near the model's.
    """
    target = Path(folder)
    if target.exists() and not overwrite and (not target.is_dir() or any(target.iterdir())):
        raise ModelError(f"{target}: exists; name a new folder or allow it to be overwritten")
    # Without the saved model around it, which would otherwise nest at every saving.
    saved_by_us = read_notes(module.path).get("version") == VERSION
    with atomic_dir(target) as part:
        _write(model, module.member("backbone") if saved_by_us else module, part)


def load_model(folder: str | PathLike[str]) -> Trained:
    """Read a model that ``save_model`` wrote; the folder is also its extractor's handle.

    ModelError where it holds no such model.
    """
    import tensorflow as tf

    path = Path(folder)
    facts = read_notes(path)
    if facts.get("version") != VERSION:
        raise ModelError(
            f"{path}: not a model that `TransferModel.save` wrote (no {NOTES_FILE} of version "
            f"{VERSION}); a SavedModel of another origin is a handle for FeatureExtractor"
        )
    values = tf.train.load_checkpoint(str(path / "variables" / "variables"))
    kernel, bias = (
        values.get_tensor(f"{name}/.ATTRIBUTES/VARIABLE_VALUE") for name in ("kernel", "bias")
    )
    head = Head(*kernel.shape)
    head.assign(kernel, bias)
    names = tuple(facts["class_names"])
    handle, size, resize, seed = (facts[k] for k in ("handle", "image_size", "resize", "seed"))
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


def decode(file: Tensor) -> Tensor:
    """The pixels of a JPEG, PNG, BMP or GIF file's bytes, a string scalar: uint8 RGB ``(h, w, 3)``.

    Inside a graph, the same as ``load_image`` gives: transparency of PNG over white, grey
    repeated, first frame; JPEG by the accurate inverse cosine transform, as Pillow does
    (TensorFlow's default is up to 20 grey levels off). What TensorFlow can't do stays different:
    the EXIF orientation isn't undone, transparent pixels of GIF aren't white, 16-bit grey may be
    1 level off, and a BMP with a palette is taken for grey.
    """
    import tensorflow as tf

    def opaque() -> Tensor:
        return tf.io.decode_image(file, channels=3, expand_animations=False)

    def jpeg() -> Tensor:
        return tf.io.decode_jpeg(file, channels=3, dct_method="INTEGER_ACCURATE")

    def png() -> Tensor:
        header = tf.io.decode_raw(tf.strings.substr(file, PNG_DEPTH_AT, 2), tf.uint8)
        # TensorFlow doesn't scale grey of 1, 2 or 4 bits when it adds an alpha channel.
        scaled = (header[0] >= 8) | (header[1] == PNG_PALETTE)
        return tf.cond(scaled, lambda: over_background(tf.io.decode_png(file, channels=4)), opaque)

    is_png = tf.strings.substr(file, 0, len(PNG_START)) == PNG_START
    pixels = tf.cond(is_png, png, lambda: tf.cond(tf.io.is_jpeg(file), jpeg, opaque))
    return tf.ensure_shape(pixels, (None, None, 3))


def over_background(rgba: Tensor) -> Tensor:
    """uint8 ``(h, w, 4)`` laid over ``images.BACKGROUND``: uint8 RGB ``(h, w, 3)``."""
    import tensorflow as tf

    values = tf.cast(rgba, tf.float32)
    opacity = values[..., 3:] / 255.0
    mixed = values[..., :3] * opacity + tf.constant(BACKGROUND, tf.float32) * (1.0 - opacity)
    return tf.cast(tf.round(mixed), tf.uint8)


def graph_resize(method: str, size: int) -> Callable[[Tensor], Tensor]:
    """uint8 images of any size to uint8 at the model's, inside a graph.

    ModelError where TensorFlow has no such filter: another would cost accuracy unnoticed.
    """
    import tensorflow as tf

    name = GRAPH_METHODS.get(method, method.removeprefix(TF_PREFIX))
    if method not in GRAPH_METHODS and not method.startswith(TF_PREFIX):
        raise ModelError(
            f"resize method {method!r}: TensorFlow has no filter that gives nearly the same pixels,"
            f" so the model can't be served; train with one of {', '.join(GRAPH_METHODS)}, or one "
            f"that starts with {TF_PREFIX}"
        )

    def resize(images: Tensor) -> Tensor:
        pixels = tensorflow_resize(images, size, size, name)
        return tf.ensure_shape(pixels, (None, size, size, 3))

    return resize
