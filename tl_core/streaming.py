"""Run images through a network batch by batch, while the next ones are read and resized."""

from __future__ import annotations

from collections import deque
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from tl_core.devices import usable_cpus
from tl_core.engines.protocol import ChunkedNetwork, checked_output
from tl_core.errors import ImageError
from tl_core.progress import progress
from tl_core.resize import DEFAULT_METHOD, resize_batch
from tl_core.sources import ArraySource

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from concurrent.futures import Future

    from numpy.typing import NDArray

    from tl_core.engines import Network
    from tl_core.engines.protocol import Run
    from tl_core.sources import ImageSource

    #: As ``resize_batch``, of the images, the side and the method.
    Resize = Callable[[list[NDArray[np.uint8]], int, str], NDArray[np.uint8]]
    #: Positions ``(k,)`` and their pixels, uint8 ``(k, h, w, 3)``, batch by batch.
    PixelBatches = Generator[tuple[NDArray[np.int64], NDArray[np.uint8]], None, None]
    #: Positions ``(k,)`` and their outputs, float32 ``(k, d)``, batch by batch.
    OutputBatches = Generator[tuple[NDArray[np.int64], NDArray[np.float32]], None, None]

Item = TypeVar("Item")
Result = TypeVar("Result")

#: Batches that are ready ahead: two hide a slow one, more would only use memory.
AHEAD = 2
#: Images of a batch that are held at their own size at once.
GROUP = 4
#: The tutorial's batch size.
BATCH_SIZE = 32


def resized_batches(
    source: ImageSource,
    order: NDArray[np.int64] | Iterable[NDArray[np.int64]],
    size: int,
    *,
    batch_size: int = BATCH_SIZE,
    method: str = DEFAULT_METHOD,
    threads: int | None = None,
    resize: Resize | None = None,
) -> PixelBatches:
    """Batches of ``source`` in the given order, read, decoded and resized ahead.

    Each thread works on its own batch.

    Args:
        source: The images.
        order: int64 positions ``(n,)`` in ``source``, or an iterable of batches of them.
        size: Side of the square, in pixels.
        batch_size: Images per batch, at least 1; the last may be smaller.
        method: One of ``RESIZE_METHODS``.
        threads: Number of threads; None takes one per usable CPU.
        resize: What resizes, with the same result; None takes ``resize_batch``.

    Returns:
        A generator of positions ``(k,)`` and their pixels, uint8 ``(k, size, size, 3)``.
    """
    parts = _parts(order, batch_size)

    def resized(part: NDArray[np.int64]) -> NDArray[np.uint8]:
        out = np.empty((len(part), size, size, 3), np.uint8)
        for place in range(0, len(part), GROUP):
            images = source.take(part[place : place + GROUP], size)
            out[place : place + GROUP] = (resize or resize_batch)(images, size, method)
        return out

    return _on_cpus(parts, resized, threads)


def _parts(
    order: NDArray[np.int64] | Iterable[NDArray[np.int64]], batch_size: int
) -> Iterable[NDArray[np.int64]]:
    """The positions batch by batch, as they come or cut here; ImageError for a bad batch size."""
    if batch_size < 1:
        raise ImageError(f"batch size {batch_size}: expected at least 1")
    if not isinstance(order, np.ndarray):
        return order
    return [order[i : i + batch_size] for i in range(0, len(order), batch_size)]


def decoded_batches(
    source: ImageSource,
    order: NDArray[np.int64],
    size: int | None = None,
    *,
    batch_size: int = BATCH_SIZE,
) -> Generator[tuple[NDArray[np.int64], list[NDArray[np.uint8]]], None, None]:
    """As ``resized_batches`` without resizing: images as from ``source.take(..., size)``."""
    parts = [order[i : i + batch_size] for i in range(0, len(order), batch_size)]
    return _on_cpus(parts, lambda part: source.take(part, size))


def decode_all(source: ImageSource, size: int | None = None) -> None:
    """Decode each image once: a source of ``TolerantFiles`` then knows which can't be read."""
    with closing(decoded_batches(source, np.arange(len(source)), size)) as batches:
        for _ in batches:
            pass


def _on_cpus(
    parts: Iterable[NDArray[np.int64]],
    function: Callable[[NDArray[np.int64]], Result],
    threads: int | None = None,
) -> Generator[tuple[NDArray[np.int64], Result], None, None]:
    threads = threads or usable_cpus()
    return ahead(parts, function, threads, threads - 1 + AHEAD)


def output_batches(
    network: Network,
    source: ImageSource,
    order: NDArray[np.int64] | Iterable[NDArray[np.int64]],
    *,
    batch_size: int = BATCH_SIZE,
    method: str = DEFAULT_METHOD,
    threads: int | None = None,
    resize: Resize | None = None,
) -> OutputBatches:
    """Positions ``(k,)`` and their outputs, float32 ``(k, output_size)``; see ``resized_batches``.

    While one is used, the next ones are resized and run; the network runs as many batches at once
    as its ``in_flight`` says. A ``ChunkedNetwork`` is given several batches a call.
    """
    if isinstance(network, ChunkedNetwork):
        run, batches = _on_devices(
            network, source, order,
            batch_size=batch_size, method=method, threads=threads, resize=resize,
        )  # fmt: skip
        return _by_chunks(network, run, batches)
    batches = resized_batches(
        source, order, network.image_size,
        batch_size=batch_size, method=method, threads=threads, resize=resize,
    )  # fmt: skip
    return _by_batches(network, batches)


def output_calls(
    network: ChunkedNetwork,
    source: ImageSource,
    order: NDArray[np.int64],
    *,
    batch_size: int = BATCH_SIZE,
    method: str = DEFAULT_METHOD,
) -> OutputBatches:
    """As ``output_batches``, but one item per call of the network: all of its batches."""
    run, batches = _on_devices(network, source, order, batch_size=batch_size, method=method)
    with closing(_by_calls(network, run, batches)) as calls:
        for parts, outputs in calls:
            yield np.concatenate(parts), outputs


def _by_batches(network: Network, batches: PixelBatches) -> OutputBatches:
    count = network.in_flight
    with (
        closing(batches),
        closing(ahead(batches, lambda b: checked_output(network, b[1]), count, count)) as results,
    ):
        for (part, _), outputs in results:
            yield part, outputs


def _on_devices(
    network: ChunkedNetwork,
    source: ImageSource,
    order: NDArray[np.int64] | Iterable[NDArray[np.int64]],
    *,
    batch_size: int,
    method: str,
    threads: int | None = None,
    resize: Resize | None = None,
) -> tuple[Run, PixelBatches]:
    """What runs on the devices, and its batches: images as they are where it resizes them."""
    if isinstance(source, ArraySource):
        pixels = source.pixels
        _, height, width, _ = pixels.shape
        run = network.resizing(height, width, method)
        if run is not None:
            return run, ((part, pixels[part]) for part in _parts(order, batch_size))
    size = network.image_size
    return network, resized_batches(
        source, order, size,
        batch_size=batch_size, method=method, threads=threads, resize=resize,
    )  # fmt: skip


def _by_chunks(network: ChunkedNetwork, run: Run, batches: PixelBatches) -> OutputBatches:
    """Outputs batch by batch; the network gets as many batches together as it takes at once."""
    with closing(_by_calls(network, run, batches)) as calls:
        for parts, outputs in calls:
            first = 0
            for part in parts:
                yield part, outputs[first : first + len(part)]
                first += len(part)


def _by_calls(
    network: ChunkedNetwork, run: Run, batches: PixelBatches
) -> Generator[tuple[list[NDArray[np.int64]], NDArray[np.float32]], None, None]:
    """The batches of each call, and their outputs together."""
    calls, count = _calls(network, batches), network.in_flight
    with (
        closing(batches),
        closing(ahead(calls, lambda c: checked_output(run, c[1]), count, count)) as results,
    ):
        for (parts, _), outputs in results:
            yield parts, outputs


def _calls(
    network: ChunkedNetwork, batches: PixelBatches
) -> Iterator[tuple[list[NDArray[np.int64]], NDArray[np.uint8]]]:
    """Batches put together, at most ``images_per_call`` images unless one batch has more."""
    parts: list[NDArray[np.int64]] = []
    pixels: list[NDArray[np.uint8]] = []
    images = 0
    for part, batch in batches:
        if parts and images + len(part) > network.images_per_call:
            yield parts, np.concatenate(pixels)
            parts, pixels, images = [], [], 0
        parts.append(part)
        pixels.append(batch)
        images += len(part)
    if parts:
        yield parts, np.concatenate(pixels)


def ahead(
    items: Iterable[Item], function: Callable[[Item], Result], threads: int, depth: int
) -> Generator[tuple[Item, Result], None, None]:
    """Each item with its result, in order; while one is used, ``depth`` more are in progress."""
    running: deque[tuple[Item, Future[Result]]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="batch") as pool:
        try:
            for item in items:
                running.append((item, pool.submit(function, item)))
                if len(running) > depth:
                    done, future = running.popleft()
                    yield done, future.result()
            while running:
                done, future = running.popleft()
                yield done, future.result()
        finally:
            for _, future in running:
                future.cancel()


def run_network(
    network: Network,
    source: ImageSource,
    *,
    batch_size: int = BATCH_SIZE,
    method: str = DEFAULT_METHOD,
    description: str = "extract",
) -> NDArray[np.float32]:
    """All outputs of ``network`` for ``source``, in order: float32 ``(n, output_size)``."""
    order = np.arange(len(source))
    outputs = np.empty((len(source), network.output_size), np.float32)
    batches = output_batches(network, source, order, batch_size=batch_size, method=method)
    with closing(batches), progress(len(source), description) as bar:
        for part, rows in batches:
            outputs[part] = rows
            bar.update(len(part))
    return outputs
