"""OpenVINO: one compiled network, with a stream on each thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tl_core.conversion.opening import convert
from tl_core.engines.names import only_on_cpu, runtime_of
from tl_core.engines.workers import network_of, shared_out
from tl_core.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tl_core.conversion.opening import Conversion, Model
    from tl_core.devices import Devices
    from tl_core.engines.protocol import NetworkSettings
    from tl_core.engines.workers import WorkerNetwork
    from tl_core.models.untyped import Loaded

#: OpenVINO's names of precisions.
NAMES = {"fp32": "f32", "bf16": "bf16"}
FILE = "model.xml"


class Request:
    """One replica: an inference request of the compiled network, which runs on a stream."""

    def __init__(self, compiled: Any) -> None:  # noqa: ANN401 - OpenVINO's
        self._request = compiled.create_infer_request()

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run a chunk; see ``tl_core.engines.workers.Replica``."""
        outputs = self._request.infer({0: images}, share_inputs=True)
        return np.array(outputs[0], np.float32)


def open_network(model: Model, devices: Devices, settings: NetworkSettings) -> WorkerNetwork:
    """Convert a SavedModel, once, and load it with a stream for each worker.

    Args:
        model: What is run.
        devices: The CPU.
        settings: Image size, precision, threads and workers.

    Raises:
        ModelError: Not installed, a precision that this CPU doesn't have, or as for the reference
            engine.
        DeviceError: A GPU.
    """
    only_on_cpu("openvino", devices)
    core = runtime_of("openvino").Core()
    conversion = converted(model, settings)
    workers, threads = shared_out(settings)
    options = {
        "NUM_STREAMS": workers,
        "INFERENCE_NUM_THREADS": workers * threads,
        # Else it takes bfloat16 wherever the CPU has it.
        "INFERENCE_PRECISION_HINT": NAMES[settings.precision],
    }
    compiled = core.compile_model(core.read_model(conversion.folder / FILE), "CPU", options)
    _check_precision(compiled, settings)
    return network_of(conversion, settings, lambda _: Request(compiled))


def converted(model: Model, settings: NetworkSettings) -> Conversion:
    """The model as OpenVINO reads it, in single precision, from the cache or made now."""
    return convert(model, settings, "openvino", ("openvino",), _write)


def _check_precision(compiled: Any, settings: NetworkSettings) -> None:  # noqa: ANN401
    running = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    if running != NAMES[settings.precision]:
        raise ModelError(
            f"engine openvino: this CPU runs it in {running}, expected {settings.precision}; ask "
            "for --precision fp32"
        )


def _write(frozen: Loaded, size: int, folder: Path) -> None:
    del size
    runtime = runtime_of("openvino")
    graph = folder / "frozen.pb"
    graph.write_bytes(frozen.graph.as_graph_def().SerializeToString())
    # By the core, not by convert_model, which reports its use to the vendor.
    model = runtime.Core().read_model(graph)
    # Not in half precision, as is its default.
    runtime.save_model(model, folder / FILE, compress_to_fp16=False)
    graph.unlink()
