"""Images through a network batch by batch: the next batch is resized while this one runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np

from tl_core.errors import ImageError
from tl_core.progress import progress
from tl_core.resize import DEFAULT_METHOD, resize_batch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from tl_core.engines import Network
    from tl_core.sources import ImageSource

#: Batches resized ahead: two hide a slow one, more would only hold memory.
AHEAD = 2
#: The tutorial's batch size.
BATCH_SIZE = 32


def resized_batches(
    source: ImageSource,
    order: NDArray[np.int64],
    size: int,
    *,
    batch_size: int = BATCH_SIZE,
    method: str = DEFAULT_METHOD,
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.uint8]]]:
    """Batches of ``source`` in the given order, resized in a thread of their own.

    Args:
        source: The images.
        order: int64 positions ``(n,)`` in ``source``.
        size: Side of the square, in pixels.
        batch_size: Images a batch, at least 1; the last may be smaller.
        method: One of ``RESIZE_METHODS``.

    Yields:
        The positions ``(k,)`` and their pixels, uint8 ``(k, size, size, 3)``.
    """
    if batch_size < 1:
        raise ImageError(f"batch size {batch_size}: expected at least 1")
    parts = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]

    def prepare(part: NDArray[np.int64]) -> NDArray[np.uint8]:
        return resize_batch(source.take(part), size, method)

    with ThreadPoolExecutor(1, thread_name_prefix="resize") as pool:
        pending: list[Future[NDArray[np.uint8]]] = [pool.submit(prepare, p) for p in parts[:AHEAD]]
        try:
            for i, part in enumerate(parts):
                batch = pending.pop(0).result()
                if i + AHEAD < len(parts):
                    pending.append(pool.submit(prepare, parts[i + AHEAD]))
                yield part, batch
        finally:
            for future in pending:
                future.cancel()


def run_network(
    network: Network,
    source: ImageSource,
    *,
    batch_size: int = BATCH_SIZE,
    method: str = DEFAULT_METHOD,
    description: str = "extract",
) -> NDArray[np.float32]:
    """All outputs of ``network`` for ``source``, in order.

    Returns:
        float32 ``(n, output_size)``.
    """
    order = np.arange(len(source))
    outputs = np.empty((len(source), network.output_size), np.float32)
    batches = resized_batches(
        source, order, network.image_size, batch_size=batch_size, method=method
    )
    with progress(len(source), description) as bar:
        for part, batch in batches:
            outputs[part] = network(batch)
            bar.update(len(part))
    return outputs
