"""OpenVINO: the network compiled for a fixed number of images, with a stream on each thread."""

from __future__ import annotations

from functools import lru_cache
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np

from tl_core.conversion.channels_last import keep_channels_last
from tl_core.conversion.opening import convert
from tl_core.engines.names import runtime_of
from tl_core.engines.workers import CHUNK, network_of, shared_out
from tl_core.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tl_core.conversion.opening import Conversion
    from tl_core.devices import Devices
    from tl_core.engines.workers import WorkerNetwork
    from tl_core.models.module import Model
    from tl_core.models.settings import NetworkSettings
    from tl_core.models.untyped import Loaded

#: OpenVINO's names of precisions.
NAMES = {"fp32": "f32", "bf16": "bf16"}
FILE = "model.xml"
_MAKING = Lock()


def loaded_runtime() -> Any:  # noqa: ANN401 - a module without types
    """OpenVINO, safe for several threads.

    Its bindings make a table of number types at the first use. If two threads are the first at the
    same time, they wait for each other for ever: one has the table, the other Python's lock.
    """
    runtime = runtime_of("openvino")
    tensor = runtime.Tensor(np.zeros(1, np.float32))
    tensor.element_type.to_dtype()
    return runtime


def shared_core() -> Any:  # noqa: ANN401 - an object without type
    """The only core of this process, which is never freed.

    A core gives the thread that compiles first a stack for signal handlers. If it is freed in
    another thread, or before a later core, that stack is gone but still used: the next Ctrl-C ends
    the process by a segmentation fault.
    """
    with _MAKING:
        return _made_core()


@lru_cache(maxsize=1)
def _made_core() -> Any:  # noqa: ANN401
    return loaded_runtime().Core()


class Compiled:
    """The network, compiled for each number of images when it is needed, with OpenVINO's options.

    Compiled for any number it is slower: OpenVINO would repeat for every image what it plans once
    for a known size, such as the order of values in memory.
    """

    def __init__(self, file: Path, options: dict[str, object]) -> None:
        self._file, self._options = file, options
        self._networks: dict[int, Any] = {}
        self._lock = Lock()

    def of(self, count: int) -> tuple[int, Any]:
        """The network for at least this many images, less than twice as many; and its number."""
        with self._lock:
            near = [size for size in self._networks if count <= size < 2 * count]
            size = min(near, default=count)
            if not near:
                model = shared_core().read_model(self._file)
                model.reshape([size, *list(model.input(0).get_partial_shape())[1:]])
                self._networks[size] = shared_core().compile_model(model, "CPU", self._options)
            return size, self._networks[size]


class Requests:
    """One replica: one inference request per compiled network, all on one stream."""

    def __init__(self, compiled: Compiled) -> None:
        self._compiled = compiled
        self._requests: dict[int, Any] = {}

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run a chunk; see ``tl_core.engines.workers.Replica``."""
        size, network = self._compiled.of(len(images))
        request = self._requests.get(size)
        if request is None:
            request = self._requests[size] = network.create_infer_request()
        filled = images
        if size > len(images):
            filled = np.zeros((size, *images.shape[1:]), np.uint8)
            filled[: len(images)] = images
        outputs = request.infer({0: filled}, share_inputs=True)
        return np.array(outputs[0][: len(images)], np.float32)


def open_network(model: Model, _devices: Devices, settings: NetworkSettings) -> WorkerNetwork:
    """Convert a SavedModel, once, and load it with one stream per worker."""
    runtime_of("openvino")
    conversion = conversion_of(model, settings)
    workers, threads = shared_out(settings)
    options = {
        "NUM_STREAMS": workers,
        "INFERENCE_NUM_THREADS": workers * threads,
        # Else OpenVINO uses bfloat16 on all CPUs that have it.
        "INFERENCE_PRECISION_HINT": NAMES[settings.precision],
    }
    compiled = Compiled(conversion.folder / FILE, options)
    images = conversion.batch or settings.chunk or CHUNK
    _check_precision(compiled.of(images)[1], settings)
    return network_of(conversion, settings, lambda _: Requests(compiled))


def conversion_of(model: Model, settings: NetworkSettings) -> Conversion:
    """The model as OpenVINO reads it, in single precision, from the cache or made now."""
    return convert(model, settings, "openvino, channels last", ("openvino",), _write)


def _check_precision(compiled: Any, settings: NetworkSettings) -> None:  # noqa: ANN401
    running = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    if running != NAMES[settings.precision]:
        raise ModelError(
            f"engine openvino: this CPU runs it in {running}, expected {settings.precision}; use "
            "precision fp32"
        )


def _write(frozen: Loaded, folder: Path) -> None:
    runtime = runtime_of("openvino")
    graph = folder / "frozen.pb"
    graph.write_bytes(frozen.graph.as_graph_def().SerializeToString())
    # By the core, not by convert_model, which reports its use to the vendor.
    model = shared_core().read_model(graph)
    keep_channels_last(model)
    # Not in half precision, as is its default.
    runtime.save_model(model, folder / FILE, compress_to_fp16=False)
    graph.unlink()
