"""The contract of an engine."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from tl_core.errors import ModelError
from tl_core.resize import checked_pixels

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from contextlib import AbstractContextManager

    from numpy.typing import NDArray

    from tl_core.models import HubModule
    from tl_core.models.untyped import Loaded

    #: From uint8 RGB images ``(n, h, w, 3)`` of one size to outputs, float32 ``(n, d)``.
    Run = Callable[[NDArray[np.uint8]], NDArray[np.float32]]


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


class ReplicatedNetwork(Network, Protocol):
    """A network with a graph on each device."""

    @property
    def functions(self) -> Sequence[Loaded]:
        """By device, from uint8 images to outputs, tensors."""


@runtime_checkable
class ChunkedNetwork(Network, Protocol):
    """A network on devices that take many images at once, however many a batch has.

    Attributes:
        chunk: Images that each device runs at once; fewer after images didn't fit into its memory.
    """

    chunk: int

    @property
    def images_per_call(self) -> int:
        """Images that a call should have for full use: a chunk for each device."""

    def resizing(self, height: int, width: int, method: str) -> Run | None:
        """The same for images of one other size, uint8 ``(n, height, width, 3)``.

        The devices resize them to the input's size, by ``method``, one of ``RESIZE_METHODS``, with
        Pillow's pixels. None where they can't, or where images are larger than the input: then
        ``resize_batch`` must.
        """


@runtime_checkable
class KeepsOutputs(ChunkedNetwork, Protocol):
    """A network that can leave its outputs where it computes them."""

    def keeping_outputs(self) -> AbstractContextManager[None]:
        """Until the context is left, calls give tensors on ``device`` in place of arrays.

        Calls still wait until they are done. All calls meanwhile do so, whoever makes them.
        """


def call_size(network: Network, batch_size: int) -> int:
    """Images that one call has while images are streamed: a batch, or all that devices take."""
    if isinstance(network, ChunkedNetwork):
        return max(batch_size, network.images_per_call)
    return batch_size


def checked_input(images: object, size: int) -> NDArray[np.uint8]:
    """uint8 RGB ``(n, size, size, 3)`` itself; ModelError for another size, else ImageError."""
    pixels = checked_pixels(images, 4)
    if pixels.shape[1:3] != (size, size):
        raise ModelError(
            f"images of {pixels.shape[1:3]} pixels: this network was opened for "
            f"{size} × {size}; resize them first"
        )
    return pixels


def checked_output(run: Run, images: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The outputs for images; ModelError unless there is a row for each, of finite numbers.

    Outputs that stay on a device aren't read for this: the loss of training shows it.
    """
    outputs = run(images)
    if len(outputs) != len(images):
        raise ModelError(
            f"the network gave {len(outputs)} rows of outputs for {len(images)} images, expected "
            "one per image; export it again so that it keeps the number of images"
        )
    if isinstance(outputs, np.ndarray) and not np.isfinite(outputs).all():
        wrong = int((~np.isfinite(outputs)).any(axis=1).sum())
        raise ModelError(
            f"the network gave outputs that are not finite (NaN or infinite) for {wrong} of "
            f"{len(images)} images, expected finite ones; check its weights and its input range, "
            "or use precision fp32"
        )
    return outputs
