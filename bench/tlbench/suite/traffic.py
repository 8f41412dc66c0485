"""What a network moves in memory for each image, counted in its graph."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from tlbench.suite.flops import MultiplyAdds

#: Bytes of a number by precision; TF32 is float32 in memory.
BYTES = {"fp32": 4, "bf16": 2, "fp16": 2, "int8": 1}


class Traffic(NamedTuple):
    """Numbers that the convolutions and matrix products of a network read and write.

    Each reads its input and its weights and writes its output once, and what stands between them
    (batch norm, activations, additions, pooling) is part of one of them. A runtime that doesn't
    fuse these moves more; one that keeps an output in a cache until it is read moves less.

    Attributes:
        values: For each image.
        weights: For all images of a call.
    """

    values: int
    weights: int

    def bytes_per_image(self, precision: str, images_per_call: int) -> float:
        """Bytes at a precision of ``BYTES``, where so many images share the weights."""
        return BYTES[precision] * (self.values + self.weights / images_per_call)


def traffic_of(counted: MultiplyAdds) -> Traffic | None:
    """Of a model; None where something in its graph can't be counted."""
    values = [each.values for each in counted.by_layer if each.values is not None]
    if counted.uncounted or len(values) < len(counted.by_layer):
        return None
    return Traffic(sum(values), sum(each.weights for each in counted.by_layer))
