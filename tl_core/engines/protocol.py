"""What an engine must offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from tl_core.errors import ModelError
from tl_core.resize import checked_pixels

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: How an engine computes: in single precision, in bfloat16, or in 8-bit integers.
PRECISIONS = ("fp32", "bf16", "int8")


@dataclass(frozen=True)
class NetworkSettings:
    """How a network is to be opened.

    Attributes:
        image_size: Side of the square input in pixels; None takes the model's own.
        fallback_size: What to take where the model has none of its own.
        device: ``cpu``, ``gpu`` or ``gpu:N``.
        threads: Threads of all workers together; None takes the CPUs that may be used.
        classes: Number of labels for a classifier's outputs; None: ImageNet's 1000 or 1001.
        precision: One of ``PRECISIONS``.
        workers: Replicas that run side by side and share the threads; None leaves it to the engine.
        chunk: Images that a worker runs at once; None leaves it to the engine.

    Raises:
        ModelError: A number below 1, or no such precision.
    """

    image_size: int | None = None
    fallback_size: int | None = None
    device: str = "cpu"
    threads: int | None = None
    classes: int | None = None
    precision: str = "fp32"
    workers: int | None = None
    chunk: int | None = None

    def __post_init__(self) -> None:
        for size in (self.image_size, self.fallback_size):
            if size is not None and size < 1:
                raise ModelError(
                    f"image size {size}: expected at least 1 pixel, or none for the model's own"
                )
        for name in ("workers", "chunk"):
            number = getattr(self, name)
            if number is not None and number < 1:
                raise ModelError(f"{name} {number}: expected at least 1")
        if self.precision not in PRECISIONS:
            known = ", ".join(PRECISIONS)
            raise ModelError(f"precision {self.precision!r}: expected one of {known}")


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
        """Batches that should be run at once, each from a thread of its own, for full use."""

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run one batch, any size from 1, and wait until it is done.

        Args:
            images: uint8 RGB ``(n, image_size, image_size, 3)``, unscaled.

        Returns:
            float32 ``(n, output_size)``.
        """


def checked_input(images: object, size: int) -> NDArray[np.uint8]:
    """The array itself if it holds uint8 RGB images ``(n, size, size, 3)``.

    Raises:
        ImageError: Pixels of another dtype or shape.
        ModelError: Images of another size.
    """
    pixels = checked_pixels(images, 4)
    if pixels.shape[1:3] != (size, size):
        raise ModelError(
            f"images of {pixels.shape[1:3]} pixels: this network was opened for "
            f"{size} × {size}; resize them first"
        )
    return pixels
