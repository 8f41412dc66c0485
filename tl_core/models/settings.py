"""The required kind of a model, and the settings of its network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from tl_core.errors import ModelError
from tl_core.models.input_range import check_range

#: The output of a model: its pooled features, or its class scores before softmax.
Kind = Literal["features", "logits"]
#: Single precision, in which the reference computes.
SINGLE = "fp32"
#: How a network computes: in single precision, in bfloat16, in float16, or in 8-bit integers.
PRECISIONS = (SINGLE, "bf16", "fp16", "int8")


@dataclass(frozen=True)
class NetworkSettings:
    """The settings of a network; ModelError for a number below 1, or an unknown name.

    Attributes:
        image_size: Side of the square input in pixels; None takes the model's own.
        fallback_size: Side in pixels if the model has none of its own.
        device: ``cpu``, ``gpu`` or ``gpu:N``.
        threads: Threads of all workers together; None takes one per usable CPU.
        classes: Number of labels for a classifier's outputs; None: ImageNet's 1000 or 1001.
        precision: One of ``PRECISIONS``.
        workers: Replicas that run in parallel and share the threads; None lets the engine choose.
        chunk: Images that a worker or a GPU runs at once; None lets the engine choose.
        input_range: The pixel values that the model takes, one of ``input_range.RANGES``; None
            determines it, see ``engines.finding``.
        layer: The layer of a Keras model whose output is taken, or the output of a SavedModel that
            has several; None takes the pooled features, or the only output.
        trust: Whether a SavedModel is run unchecked, see ``module.open_module``.
    """

    image_size: int | None = None
    fallback_size: int | None = None
    device: str = "cpu"
    threads: int | None = None
    classes: int | None = None
    precision: str = SINGLE
    workers: int | None = None
    chunk: int | None = None
    input_range: str | None = None
    layer: str | None = None
    trust: bool = False

    def __post_init__(self) -> None:
        for size in (self.image_size, self.fallback_size):
            if size is not None and size < 1:
                raise ModelError(
                    f"image size {size}: expected at least 1 pixel, or none for the model's own"
                )
        for name, number in (("workers", self.workers), ("chunk", self.chunk)):
            if number is not None and number < 1:
                raise ModelError(f"{name} {number}: expected at least 1")
        if self.input_range is not None:
            check_range(self.input_range)
        if self.precision not in PRECISIONS:
            known = ", ".join(PRECISIONS)
            raise ModelError(f"precision {self.precision!r}: expected one of {known}")
