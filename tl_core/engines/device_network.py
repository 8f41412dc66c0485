"""A network on GPUs: many images a call, several calls under way, small images resized there."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

from tl_core.engines.memory import halve, is_out_of_memory
from tl_core.engines.protocol import checked_input
from tl_core.graph_resampling import graph_resample
from tl_core.resampling import FILTERS
from tl_core.resize import checked_pixels, resize_batch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from tl_core.engines.protocol import ReplicatedNetwork, Run
    from tl_core.models.untyped import Loaded, Tensor

    #: Height, width and filter of images that a device resizes.
    Small = tuple[int, int, str]
    #: From uint8 images to others, or to outputs, inside a graph.
    Step = Callable[[Tensor], Tensor]

log = logging.getLogger(__name__)

#: Calls under way: one's images are copied to the device, another one's are run, and the outputs of
#: a third are copied back.
IN_FLIGHT = 3
#: Images that a device runs at once where no pilot has chosen.
CHUNK = 256
#: Images that the graph's resizing is compared with Pillow's on: as many of noise, and of extremes.
COMPARED = 8
#: Numbers per input pixel in the widest layer: VGG's, the widest of common networks.
WIDEST = 64


def most_at_once(image_size: int) -> int:
    """Images of this side in pixels that a device may run at once, whatever its memory.

    TensorFlow's kernels count in 32 bits: a tensor of 2^31 numbers ends the process.
    """
    return max(1, (2**31 - 1) // (WIDEST * image_size**2))


class DeviceNetwork:
    """A SavedModel with a replica on each device, which run chunks of images side by side.

    See ``ChunkedNetwork``. A chunk that doesn't fit into a device's memory is halved for good,
    which is logged. Each number of images has kernels chosen or compiled for it: fewer are filled
    up, to the smallest number that was run before and holds them, else to the next power of two.

    Args:
        network: The replicas, at least as many as devices.
        device_names: TensorFlow's names of their devices.
        chunk: Images that each device runs at once; None takes ``CHUNK``. Above ``most_at_once``
            it is lowered, which is logged.
        compiled: Whether XLA compiles the graph.
        graphs: Of each size of images that are resized there, a graph for each device, None where
            they aren't exact; another network's, so that they aren't made again.

    Raises:
        DeviceError: Of a call: a single image doesn't fit into a device's memory.
    """

    in_flight = IN_FLIGHT

    def __init__(
        self,
        network: ReplicatedNetwork,
        device_names: tuple[str, ...],
        *,
        chunk: int | None = None,
        compiled: bool = False,
        graphs: Mapping[Small, Sequence[Loaded] | None] | None = None,
    ) -> None:
        self.image_size, self.output_size = network.image_size, network.output_size
        self.device, self.module = network.device, network.module
        self.chunk = min(chunk or CHUNK, most_at_once(self.image_size))
        if chunk is not None and self.chunk < chunk:
            log.warning(
                "%d images of %d pixels at once are more than TensorFlow can count; taking %d",
                *(chunk, self.image_size, self.chunk),
            )
        self._names, self._compiled = device_names, compiled
        # One call after the other is queued on the devices: their memory holds one at a time.
        self._queue, self._outputs = threading.Lock(), _Outputs(self.device)
        self._network, self._functions = network, network.functions[: len(device_names)]
        self._plain = self._replicas(self._functions)
        self._graphs = {key: own and own[: self.devices] for key, own in (graphs or {}).items()}
        self._resizing: dict[Small, Run | None] = {}

    @property
    def devices(self) -> int:
        """How many devices have a replica."""
        return len(self._names)

    def on_first(self, count: int) -> DeviceNetwork:
        """The same replicas on the first ``count`` devices, with this chunk; itself for all."""
        if count == self.devices:
            return self
        return DeviceNetwork(
            self._network,
            self._names[:count],
            chunk=self.chunk,
            compiled=self._compiled,
            graphs=self._graphs,
        )

    @property
    def images_per_call(self) -> int:
        """A chunk for each device; see ``ChunkedNetwork``."""
        return self.chunk * len(self._names)

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run one batch, in as many chunks as it takes; see ``Network``."""
        return self._run(self._plain, checked_input(images, self.image_size))

    def resizing(self, height: int, width: int, method: str) -> Run | None:
        """The same for images of another size; see ``ChunkedNetwork``."""
        if height == width == self.image_size:
            return self
        if method not in FILTERS or max(height, width) > self.image_size:
            return None
        key = height, width, method
        if key not in self._resizing:
            self._resizing[key] = self._resizing_run(*key)
        return self._resizing[key]

    @contextmanager
    def keeping_outputs(self) -> Iterator[None]:
        """Leave outputs of calls on ``device``; see ``KeepsOutputs``."""
        self._outputs.stay = True
        try:
            yield
        finally:
            self._outputs.stay = False

    def _replicas(self, functions: Sequence[Loaded]) -> _Replicas:
        return _Replicas(functions, self._names, self._queue, self._outputs)

    def _resizing_run(self, height: int, width: int, method: str) -> Run | None:
        key = height, width, method
        if key not in self._graphs:
            self._graphs[key] = self._resizing_graphs(*key)
        functions = self._graphs[key]
        if functions is None:
            return None
        replicas = self._replicas(functions)
        return lambda images: self._run(replicas, checked_pixels(images, 4))

    def _resizing_graphs(self, height: int, width: int, method: str) -> list[Loaded] | None:
        shape, size = (height, width), self.image_size
        functions: list[Loaded] = []

        def resize(images: Tensor) -> Tensor:
            return graph_resample(images, size, size, method)

        for run, name in zip(self._functions, self._names, strict=True):
            alone = _graph(resize, name, shape, compiled=self._compiled)
            if not _is_exact(alone, name, shape, size, method):
                log.warning(
                    "%s: resizing by %s from %d × %d to %d pixels isn't exact there; the CPU does",
                    *(name, method, height, width, size),
                )
                return None
            functions.append(_graph(_chain(alone, run), name, shape, compiled=self._compiled))
        return functions

    def _run(self, replicas: _Replicas, pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
        import tensorflow as tf

        outputs: list[NDArray[np.float32]] = []
        done = 0
        while done < len(pixels):
            chunk = self.chunk  # another thread may halve it meanwhile
            part = pixels[done : done + chunk * len(self._names)]
            count = replicas.filled_to(len(part), chunk)
            try:
                outputs.append(replicas(part, count))
            except tf.errors.OpError as error:
                if not is_out_of_memory(error):
                    raise
                halve(self, count, self._queue)
            else:
                done += len(part)
        if not outputs:
            return np.empty((0, self.output_size), np.float32)
        return self._outputs.joined(outputs)


class _Replicas:
    """A graph on each device, for images of one size."""

    def __init__(
        self,
        functions: Sequence[Loaded],
        device_names: tuple[str, ...],
        queue: threading.Lock,
        outputs: _Outputs,
    ) -> None:
        self._functions, self._names, self._queue = functions, device_names, queue
        self._outputs = outputs
        self._counts: set[int] = set()

    def filled_to(self, images: int, most: int) -> int:
        """Images that each device runs for so many of all, at most ``most``."""
        needed = -(-images // len(self._names))
        before = [count for count in tuple(self._counts) if needed <= count <= most]
        return min(before, default=min(1 << (needed - 1).bit_length(), most))

    def __call__(self, pixels: NDArray[np.uint8], count: int) -> NDArray[np.float32]:
        """Outputs ``(n, d)``; the images are filled up to ``count`` on each device."""
        import tensorflow as tf

        parts = np.split(_filled(pixels, count * len(self._names)), len(self._names))
        uploaded = []
        for name, part in zip(self._names, parts, strict=True):
            with tf.device(name):
                uploaded.append(tf.constant(part))
        with self._queue:
            # All devices are given their work before any of it is waited for.
            outputs = []
            for name, function, images in zip(self._names, self._functions, uploaded, strict=True):
                with tf.device(name):  # else XLA runs it on the first device
                    outputs.append(function(images))
            self._counts.add(count)
        return self._outputs.joined(outputs)[: len(pixels)]


class _Outputs:
    """Where outputs are when a call returns: on the host, or still on a device."""

    def __init__(self, device: str) -> None:
        self._device, self.stay = device, False

    def joined(self, parts: Sequence[Tensor]) -> NDArray[np.float32]:
        """The rows of all parts, without a copy where there is one; a tensor where they stay."""
        import tensorflow as tf

        if not self.stay:
            arrays = [np.asarray(part) for part in parts]
            return arrays[0] if len(arrays) == 1 else np.concatenate(arrays)
        with tf.device(self._device):
            rows = parts[0] if len(parts) == 1 else tf.concat(parts, axis=0)
            rows[:1, :1].numpy()  # waits until they are there
        kept: NDArray[np.float32] = rows
        return kept


def _graph(step: Step, device: str, shape: tuple[int, int], *, compiled: bool) -> Loaded:
    """``step`` traced as a graph on a device, for uint8 images ``(n, *shape, 3)``."""
    import tensorflow as tf

    def run(images: Tensor) -> Tensor:
        with tf.device(device):
            return step(images)

    spec = tf.TensorSpec((None, *shape, 3), tf.uint8)
    graph = tf.function(run, autograph=False, jit_compile=compiled or None)
    return graph.get_concrete_function(spec)


def _chain(first: Step, second: Step) -> Step:
    return lambda images: second(first(images))


def _is_exact(resize: Step, device: str, shape: tuple[int, int], size: int, method: str) -> bool:
    """Whether a graph's pixels on its device are Pillow's, those of ``resize_batch``."""
    import tensorflow as tf

    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (COMPARED, *shape, 3), np.uint8)
    images = np.concatenate([noise, np.where(noise < 128, np.uint8(0), np.uint8(255))])
    with tf.device(device):
        pixels = resize(tf.constant(images)).numpy()
    return np.array_equal(pixels, resize_batch(images, size, method))


def _filled(pixels: NDArray[np.uint8], count: int) -> NDArray[np.uint8]:
    """Images with black ones after them, so that they are so many."""
    missing = count - len(pixels)
    if not missing:
        return pixels
    return np.concatenate([pixels, np.zeros((missing, *pixels.shape[1:]), np.uint8)])
