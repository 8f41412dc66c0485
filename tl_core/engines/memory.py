"""Where memory is short: what runtimes say then, and fewer images at once from there on."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Protocol

import numpy as np

from tl_core.errors import DeviceError

if TYPE_CHECKING:
    import threading

    from numpy.typing import NDArray

    from tl_core.engines.protocol import Run

log = logging.getLogger(__name__)

#: What runtimes say where memory is short, in errors of other kinds: XLA, cuDNN, a copy to the
#: device, ONNX Runtime, C++ itself, and oneDNN in TensorFlow, whose status 1 it is.
_OUT_OF_MEMORY = (
    *("out of memory", "out_of_memory", "resource_exhausted"),
    "dst tensor is not initialized",
    *("failed to allocate memory", "smaller than requested bytes"),
    *("alloc_failed", "allocation_failed"),
    *("bad_alloc", "bad allocation", "cannot allocate memory"),
    "operation received an exception:status: 1,",
)


class InChunks(Protocol):
    """A network whose calls are cut into chunks."""

    @property
    def device(self) -> str:
        """See ``Network``."""

    @property
    def chunk(self) -> int | None:
        """Images that it runs at once; None takes whole batches."""

    @chunk.setter
    def chunk(self, images: int) -> None: ...


def is_out_of_memory(error: Exception) -> bool:
    """Whether a runtime says by an error that there is no memory for something."""
    # TensorFlow's error by its name: other engines don't need TensorFlow.
    if isinstance(error, MemoryError) or type(error).__name__ == "ResourceExhaustedError":
        return True
    return any(words in str(error).lower() for words in _OUT_OF_MEMORY)


def halve(network: InChunks, count: int, lock: threading.Lock) -> None:
    """Take half of so many images from now on, which is logged, unless another thread did.

    DeviceError where it is a single one.
    """
    with lock:
        if network.chunk is not None and network.chunk < count:
            return
        if count == 1:
            raise DeviceError(
                f"device {network.device}: one image doesn't fit into its memory; expected room "
                "for the network and an image. Take a smaller image size or model, or end "
                "other programs that use the device"
            )
        network.chunk = count // 2
        log.warning(
            "%s: %d images at once don't fit into its memory; from now on %d",
            *(network.device, count, count // 2),
        )


def run_in_chunks(
    network: InChunks, run: Run, pixels: NDArray[np.uint8], lock: threading.Lock
) -> NDArray[np.float32]:
    """Outputs of ``run`` for images, a chunk at a time.

    A chunk that doesn't fit into memory is halved for good; see ``halve``.
    """
    outputs: list[NDArray[np.float32]] = []
    done = 0
    while done < len(pixels) or not outputs:
        part = pixels[done:][: network.chunk]  # another thread may halve it meanwhile
        try:
            outputs.append(run(part))
        except Exception as error:  # each runtime has its own
            if not is_out_of_memory(error):
                raise
            halve(network, len(part), lock)
        else:
            done += len(part)
    return outputs[0] if len(outputs) == 1 else np.concatenate(outputs)
