"""ONNX Runtime: its own CPU kernels, a session on each thread; or by CUDA, one on each GPU."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from tl_core.conversion.opening import convert
from tl_core.engines.gpu_workers import gpu_network_of
from tl_core.engines.names import ENGINES, runtime_of
from tl_core.engines.workers import network_of
from tl_core.errors import DeviceError, ModelError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from numpy.typing import NDArray

    from tl_core.devices import Devices
    from tl_core.engines.workers import WorkerNetwork
    from tl_core.models.module import Model
    from tl_core.models.settings import NetworkSettings
    from tl_core.models.untyped import Loaded

    #: A provider's name and its options.
    Provider = tuple[str, Mapping[str, object]]

#: The newest set of operators that every supported version of the runtime knows.
OPSET = 17
FILE = "model.onnx"
#: ONNX Runtime's provider for GPUs. By default, cuDNN times every algorithm for each number of
#: images; heuristics avoid that.
ON_GPUS = "CUDAExecutionProvider"
OPTIONS: dict[str, object] = {"cudnn_conv_algo_search": "HEURISTIC"}


class Session:
    """One replica of a model, from its bytes, with its own threads.

    ``provider`` names whose kernels it runs, with their options; see the runtime's documentation.
    """

    def __init__(
        self, content: bytes, threads: int, provider: Provider = ("CPUExecutionProvider", {})
    ) -> None:
        runtime = runtime_of("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = runtime.InferenceSession(content, options, providers=[provider])
        used = self._session.get_providers()[0]
        if used != provider[0]:  # the runtime itself would only warn
            raise DeviceError(
                f"engine onnxruntime: {provider[0]} can't be used on this machine, and the runtime "
                f"took {used}. Check that NVIDIA's libraries are those that this version of ONNX "
                "Runtime needs, or use the engine tensorflow"
            )
        self._input = self._session.get_inputs()[0].name

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run a chunk; see ``tl_core.engines.workers.Replica``."""
        return np.asarray(self._session.run(None, {self._input: images})[0], np.float32)


def open_network(model: Model, devices: Devices, settings: NetworkSettings) -> WorkerNetwork:
    """Convert a SavedModel, once, and load it in one session per worker, or per GPU.

    DeviceError where the runtime can't use GPUs.
    """
    runtime = runtime_of("onnxruntime")
    if devices.spec != "cpu":
        _check_gpus(runtime, devices.spec)
    conversion = convert(
        model, settings, f"onnx {OPSET}", ENGINES["onnxruntime"].converters, _write
    )
    content = (conversion.folder / FILE).read_bytes()
    if devices.spec == "cpu":
        return network_of(conversion, settings, lambda threads: Session(content, threads))
    return gpu_network_of(
        conversion,
        devices,
        settings.chunk,
        lambda number: Session(content, 1, (ON_GPUS, OPTIONS | {"device_id": number})),
    )


def _check_gpus(runtime: Any, spec: str) -> None:  # noqa: ANN401 - a module without types
    """Load NVIDIA's libraries for it; DeviceError where this build of the runtime has no CUDA."""
    offered = runtime.get_available_providers()
    if ON_GPUS not in offered:
        raise DeviceError(
            f"engine onnxruntime on device {spec}: this build of ONNX Runtime has "
            f"{', '.join(offered)}, expected {ON_GPUS}; in an environment without the package "
            "onnxruntime, install the [onnxruntime-gpu] extra"
        )
    if hasattr(runtime, "preload_dlls"):  # those of NVIDIA's packages; since 1.21
        runtime.preload_dlls()


def _write(frozen: Loaded, folder: Path) -> None:
    try:
        import tf2onnx
    except ImportError as error:
        raise ModelError(
            f"engine onnxruntime: tf2onnx, which converts models for it, can't be imported "
            f"({error}); install the [engines] extra, or for GPUs [onnxruntime-gpu]"
        ) from error
    model, _ = tf2onnx.convert.from_graph_def(
        frozen.graph.as_graph_def(),
        input_names=[frozen.inputs[0].name],
        output_names=[frozen.outputs[0].name],
        opset=OPSET,
    )
    (folder / FILE).write_bytes(model.SerializeToString())
