"""Decode and resize picture files inside a graph, close to what training does."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tl_core.errors import ModelError
from tl_core.graph_exif import jpeg_orientation, png_orientation, upright
from tl_core.pixels import BACKGROUND
from tl_core.resize import TF_PREFIX, tensorflow_resize

if TYPE_CHECKING:
    from collections.abc import Callable

    from tl_core.models.untyped import Tensor

#: tf.image's counterparts of Pillow's filters. Greatest differences found, in grey levels of 255,
#: enlarging to 64 to 224 pixels: bilinear 1; bicubic 25 on noise (the worst case: 1.1 % of values
#: off by more than 2), 5 on photographs; lanczos 46 on noise (4.3 %), 9 on photographs (0.4 %).
#: Pillow rounds after each of two passes and keeps taps that TensorFlow drops. "nearest" is
#: absent: the two choose different pixels when shrinking.
GRAPH_METHODS = {"bilinear": "bilinear", "bicubic": "bicubic", "lanczos": "lanczos3"}
PNG_START = b"\x89PNG\r\n\x1a\n"
#: Where a PNG file says its bit depth and, next to it, its colour type.
PNG_DEPTH_AT = 24
PNG_PALETTE = 3


def decode(file: Tensor) -> Tensor:
    """The pixels of a JPEG, PNG, BMP or GIF file's bytes, a string scalar: uint8 RGB ``(h, w, 3)``.

    Inside a graph, the same as ``load_image`` gives: upright by the EXIF orientation of JPEG and
    PNG, transparency of PNG over white, grey repeated, first frame; JPEG by the accurate inverse
    cosine transform, as Pillow does (TensorFlow's default is up to 20 grey levels off). Some
    differences remain: transparent pixels of GIF aren't white, 16-bit grey may be 1 level off, and
    a BMP with a palette is read as grey. An orientation only in XMP data isn't read.
    """
    import tensorflow as tf

    def opaque() -> Tensor:
        return tf.io.decode_image(file, channels=3, expand_animations=False)

    def jpeg() -> Tensor:
        pixels = tf.io.decode_jpeg(file, channels=3, dct_method="INTEGER_ACCURATE")
        return upright(pixels, jpeg_orientation(file))

    def png() -> Tensor:
        header = tf.io.decode_raw(tf.strings.substr(file, PNG_DEPTH_AT, 2), tf.uint8)
        # TensorFlow doesn't scale grey of 1, 2 or 4 bits when it adds an alpha channel.
        scaled = (header[0] >= 8) | (header[1] == PNG_PALETTE)
        pixels = tf.cond(
            scaled, lambda: over_background(tf.io.decode_png(file, channels=4)), opaque
        )
        return upright(pixels, png_orientation(file))

    is_png = tf.strings.substr(file, 0, len(PNG_START)) == PNG_START
    pixels = tf.cond(is_png, png, lambda: tf.cond(tf.io.is_jpeg(file), jpeg, opaque))
    return tf.ensure_shape(pixels, (None, None, 3))


def over_background(rgba: Tensor) -> Tensor:
    """uint8 ``(h, w, 4)`` laid over ``pixels.BACKGROUND``: uint8 RGB ``(h, w, 3)``."""
    import tensorflow as tf

    values = tf.cast(rgba, tf.float32)
    opacity = values[..., 3:] / 255.0
    mixed = values[..., :3] * opacity + tf.constant(BACKGROUND, tf.float32) * (1.0 - opacity)
    return tf.cast(tf.round(mixed), tf.uint8)


def graph_resize(method: str, size: int) -> Callable[[Tensor], Tensor]:
    """uint8 images of any size to uint8 at the model's, inside a graph.

    ModelError if TensorFlow has no such filter: another one could cost accuracy unnoticed.
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
