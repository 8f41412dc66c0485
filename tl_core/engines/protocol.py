"""The contract of an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tl_core.errors import ModelError
from tl_core.resize import checked_pixels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tl_core.models import HubModule


class Network(Protocol):
    """A frozen network, ready to run."""

    @property
    def image_size(self) -> int:
        """Side of the square input, in pixels."""

    @property
    def output_size(self) -> int:
        """Number of features, or of classes."""

    @property
    def in_flight(self) -> int:
        """Number of batches to run at once for full speed, each from its own thread."""

    @property
    def device(self) -> str:
        """TensorFlow's name of its device, or of its first replica's, such as ``CPU:0``."""

    @property
    def module(self) -> HubModule | None:
        """The module that it runs, for training; None unless TensorFlow runs exactly one."""

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run one batch, any size from 1, and wait until it is done: float32 ``(n, output_size)``.

        Images are uint8 RGB ``(n, image_size, image_size, 3)``, unscaled.
        """


def checked_input(images: object, size: int) -> NDArray[np.uint8]:
    """uint8 RGB ``(n, size, size, 3)`` itself; ModelError for another size, else ImageError."""
    pixels = checked_pixels(images, 4)
    if pixels.shape[1:3] != (size, size):
        raise ModelError(
            f"images of {pixels.shape[1:3]} pixels: this network was opened for "
            f"{size} × {size}; resize them first"
        )
    return pixels
