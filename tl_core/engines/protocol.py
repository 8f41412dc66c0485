"""What an engine must offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tl_core.errors import ModelError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class NetworkSettings:
    """How a network is to be opened.

    Attributes:
        image_size: Side of the square input in pixels; None takes the model's own.
        fallback_size: What to take where the model has none of its own.
        device: ``cpu``, ``gpu`` or ``gpu:N``.
        threads: Threads for one operation; None leaves the engine's default.
        classes: Number of labels for a classifier's outputs; None: ImageNet's 1000 or 1001.

    Raises:
        ModelError: A size below 1.
    """

    image_size: int | None = None
    fallback_size: int | None = None
    device: str = "cpu"
    threads: int | None = None
    classes: int | None = None

    def __post_init__(self) -> None:
        for size in (self.image_size, self.fallback_size):
            if size is not None and size < 1:
                raise ModelError(
                    f"image size {size}: expected at least 1 pixel, or none for the model's own"
                )


class Network(Protocol):
    """A frozen network, ready to run."""

    @property
    def image_size(self) -> int:
        """Side of the square input, in pixels."""

    @property
    def output_size(self) -> int:
        """Number of features, or of classes."""

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run one batch, any size from 1, and wait until it is done.

        Args:
            images: uint8 RGB ``(n, image_size, image_size, 3)``, unscaled.

        Returns:
            float32 ``(n, output_size)``.
        """
