"""The input ranges of image models, by name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tl_core.errors import ModelError

if TYPE_CHECKING:
    from tl_core.models.untyped import Tensor

#: Mean and standard deviation of ImageNet's colours, RGB in [0, 1]; source: torchvision.
_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
#: Mean of ImageNet's colours, RGB from 0 to 255; source: Caffe's models, and Keras's ports of them.
_CAFFE_MEAN = (123.68, 116.779, 103.939)


@dataclass(frozen=True)
class InputRange:
    """The value of a colour ``x`` in [0, 1]: ``x * scale + offset``, in the order RGB or BGR."""

    description: str
    scale: tuple[float, ...]
    offset: tuple[float, ...] = (0.0, 0.0, 0.0)
    reverse: bool = False

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the greatest value of any colour."""
        highest = (a + b for a, b in zip(self.scale, self.offset, strict=True))
        return min(self.offset), max(highest)

    def __call__(self, images: Tensor) -> Tensor:
        """Images in this range, float32 ``(..., 3)``, from RGB in [0, 1]."""
        # One number for all colours needs no broadcasting.
        scale, offset = (
            np.array(each[0] if len(set(each)) == 1 else each, np.float32)
            for each in (self.scale, self.offset)
        )
        scaled = images * scale + offset if offset.any() else images * scale
        return scaled[..., ::-1] if self.reverse else scaled


#: By the names that users give them.
RANGES = {
    "0-1": InputRange("RGB from 0 to 1", (1.0, 1.0, 1.0)),
    "-1-1": InputRange("RGB from -1 to 1", (2.0, 2.0, 2.0), (-1.0, -1.0, -1.0)),
    "0-255": InputRange("RGB from 0 to 255", (255.0, 255.0, 255.0)),
    "imagenet": InputRange(
        "RGB less ImageNet's mean, by its standard deviation, as torchvision's models",
        tuple(1 / s for s in _STD),
        tuple(-m / s for m, s in zip(_MEAN, _STD, strict=True)),
    ),
    "caffe": InputRange(
        "BGR from 0 to 255 less ImageNet's mean, as Keras's VGG and ResNet",
        (255.0, 255.0, 255.0),
        tuple(-m for m in _CAFFE_MEAN),
        reverse=True,
    ),
}
#: The range of this library's own exports, which is also assumed if a range is unknown.
UNIT = "0-1"


def check_range(name: str) -> None:
    """Refuse a name that isn't one of ``RANGES``, with a ModelError."""
    if name not in RANGES:
        raise ModelError(f"input range {name!r}: expected one of {', '.join(RANGES)}")
