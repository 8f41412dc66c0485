"""A model's graph from uint8 images to outputs, weights included: what all converters take."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tl_core.models import HubModule
    from tl_core.models.untyped import Loaded, Tensor

#: The name of the graph's input.
INPUT = "images"


def freeze(module: HubModule, size: int, *, scaled: bool = False) -> Loaded:
    """A concrete function without variables, from ``images`` to float32 ``(n, d)``.

    Its images are uint8 RGB ``(n, size, size, 3)``, or float32 in [0, 1] where ``scaled``.
    """
    import tensorflow as tf
    from tensorflow.python.framework.convert_to_constants import (
        convert_variables_to_constants_v2,
    )

    def run(images: Tensor) -> Tensor:
        unit = images if scaled else tf.cast(images, tf.float32) / 255.0
        return module(unit, training=False)

    dtype = tf.float32 if scaled else tf.uint8
    spec = tf.TensorSpec((None, size, size, 3), dtype, name=INPUT)
    function = tf.function(run, input_signature=[spec], autograph=False)
    return convert_variables_to_constants_v2(function.get_concrete_function())
