"""Adapt images in [0, 1] to a function's own input, and its output to a matrix."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from tl_core.errors import ModelError
from tl_core.models.input_range import RANGES, UNIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from tl_core.models.untyped import Tensor, TensorSpec

    Step: TypeAlias = Callable[[Tensor], Tensor]

#: Dtypes of whole numbers, and their assumed range.
BYTES, BYTE_RANGE = ("uint8", "int32", "int64"), "0-255"
_FLOATS = ("float32", "float16", "bfloat16", "float64")


@dataclass(frozen=True)
class Adapter:
    """The steps around a function that takes images and returns a matrix or a map.

    Attributes:
        shape: The images that the function takes: batch, height, width, 3; None for any.
        dtype: Their dtype.
        channels_first: Whether it takes, and returns, channels before height and width.
        input_range: One of ``RANGES``.
    """

    shape: tuple[int | None, ...]
    dtype: str
    channels_first: bool
    input_range: str = UNIT

    def __call__(self, run: Step, images: Tensor) -> Tensor:
        """The output of ``run`` for float32 RGB in [0, 1] ``(n, h, w, 3)``: float32 ``(n, d)``."""
        batch = self.shape[0]
        if batch in (None, images.shape[0]):
            return self._adapted(run, images)
        return in_batches(lambda part: self._adapted(run, part), images, batch)

    def in_range(self, name: str) -> Adapter:
        """The same adapter for another input range."""
        return replace(self, input_range=name)

    def _adapted(self, run: Step, images: Tensor) -> Tensor:
        for step in self._before():
            images = step(images)
        return self._pooled(run(images))

    def _before(self) -> list[Step]:
        import tensorflow as tf

        steps: list[Step] = [] if self.input_range == UNIT else [RANGES[self.input_range]]
        if self.dtype in BYTES:
            steps.append(tf.round)
        if self.dtype != "float32":
            steps.append(lambda images: tf.cast(images, self.dtype))
        if self.channels_first:
            steps.append(lambda images: tf.transpose(images, (0, 3, 1, 2)))
        return steps

    def _pooled(self, outputs: Tensor) -> Tensor:
        """float32 ``(n, d)``: a matrix itself, or the mean of a map over height and width."""
        import tensorflow as tf

        rows = outputs if outputs.dtype == tf.float32 else tf.cast(outputs, tf.float32)
        if rows.shape.rank != 4:
            return rows
        return tf.reduce_mean(rows, axis=(2, 3) if self.channels_first else (1, 2))


def adapter_for(spec: TensorSpec, name: str, input_range: str) -> Adapter:
    """The adapter of a function whose argument is described by ``spec``.

    A function that takes whole numbers takes them from 0 to 255. ModelError if it doesn't take
    images of three channels, or if they aren't square.
    """
    shape = spec.shape.as_list() if spec.shape.rank is not None else [None] * 4
    dtype = spec.dtype.name
    channels_first = len(shape) == 4 and shape[1] == 3 != shape[3]
    if channels_first:
        shape = [shape[0], shape[2], shape[3], shape[1]]
    if dtype not in (*_FLOATS, *BYTES) or len(shape) != 4 or shape[3] not in (3, None):
        raise ModelError(
            f"{name}: takes {dtype} {_text(spec)}; expected an image module: RGB images "
            "(n, h, w, 3) or (n, 3, h, w)"
        )
    height, width = shape[1:3]
    if None not in (height, width) and height != width:
        raise ModelError(
            f"{name}: takes images of {height} × {width} pixels (height × width), expected a "
            "square; export it again with a square input, or one that takes any size"
        )
    side = height or width
    takes = BYTE_RANGE if dtype in BYTES else input_range
    return Adapter((shape[0], side, side, 3), dtype, channels_first, takes)


def _text(spec: TensorSpec) -> str:
    return "of any shape" if spec.shape.rank is None else str(tuple(spec.shape.as_list()))


def in_batches(run: Step, images: Tensor, batch: int) -> Tensor:
    """Feed a function that takes just ``batch`` images at once; the last ones are filled up.

    It returns float32 ``(batch, d)``.
    """
    import tensorflow as tf

    count = tf.shape(images)[0]
    padded = tf.pad(images, [[0, -count % batch], [0, 0], [0, 0], [0, 0]])
    parts = tf.reshape(padded, (-1, batch, *images.shape[1:]))
    outputs: Any = tf.map_fn(run, parts, fn_output_signature=tf.float32)
    width = outputs.shape[-1] or tf.shape(outputs)[-1]
    return tf.reshape(outputs, (-1, width))[:count]
