"""ONNX Runtime: its own CPU kernels, a session on each thread."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tl_core.conversion.opening import convert
from tl_core.engines.names import runtime_of
from tl_core.engines.workers import network_of
from tl_core.errors import ModelError

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from tl_core.devices import Devices
    from tl_core.engines.workers import WorkerNetwork
    from tl_core.models.module import Model
    from tl_core.models.settings import NetworkSettings
    from tl_core.models.untyped import Loaded

#: The newest set of operators that every supported version of the runtime knows.
OPSET = 17
FILE = "model.onnx"


class Session:
    """One replica of a model, from its bytes, with its own threads."""

    def __init__(self, content: bytes, threads: int) -> None:
        runtime = runtime_of("onnxruntime")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        self._session = runtime.InferenceSession(
            content, options, providers=["CPUExecutionProvider"]
        )
        self._input = self._session.get_inputs()[0].name

    def __call__(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Run a chunk; see ``tl_core.engines.workers.Replica``."""
        return np.asarray(self._session.run(None, {self._input: images})[0], np.float32)


def open_network(model: Model, _devices: Devices, settings: NetworkSettings) -> WorkerNetwork:
    """Convert a SavedModel, once, and load it in one session per worker."""
    runtime_of("onnxruntime")
    conversion = convert(model, settings, f"onnx {OPSET}", ("tf2onnx", "onnx"), _write)
    content = (conversion.folder / FILE).read_bytes()
    return network_of(conversion, settings, lambda threads: Session(content, threads))


def _write(frozen: Loaded, folder: Path) -> None:
    try:
        import tf2onnx
    except ImportError as error:
        raise ModelError(
            f"engine onnxruntime: tf2onnx, which converts models for it, can't be imported "
            f"({error}); install the [engines] extra"
        ) from error
    model, _ = tf2onnx.convert.from_graph_def(
        frozen.graph.as_graph_def(),
        input_names=[frozen.inputs[0].name],
        output_names=[frozen.outputs[0].name],
        opset=OPSET,
    )
    (folder / FILE).write_bytes(model.SerializeToString())
