"""The engines' names, and which of them can run here."""

from __future__ import annotations

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

from tl_core.engines.protocol import PRECISIONS
from tl_core.errors import DeviceError, ModelError

if TYPE_CHECKING:
    from tl_core.devices import Devices

#: The engine that the others must agree with.
REFERENCE = "tensorflow"
#: The fastest of those that are installed.
AUTO = "auto"
#: The tutorial's own procedure: what the others are compared with, and never ``auto``'s choice.
BASELINE = "tutorial"
#: What each computes in.
ENGINES: dict[str, tuple[str, ...]] = {
    REFERENCE: ("fp32",),
    "tensorflow-xla": ("fp32",),
    "litert": ("fp32", "int8"),
    "onnxruntime": ("fp32",),
    "openvino": ("fp32", "bf16"),
    BASELINE: ("fp32",),
}
#: The runtime's module and the distribution that has it, of engines beside TensorFlow.
RUNTIMES = {
    "litert": ("ai_edge_litert.interpreter", "ai-edge-litert"),
    "onnxruntime": ("onnxruntime", "onnxruntime"),
    "openvino": ("openvino", "openvino"),
}


def engine_names() -> tuple[str, ...]:
    """The names that ``--engine`` takes."""
    return (*ENGINES, AUTO)


def is_installed(engine: str) -> bool:
    """Whether an engine's package is there; TensorFlow's always is."""
    if engine not in RUNTIMES:
        return True
    return importlib.util.find_spec(RUNTIMES[engine][0].partition(".")[0]) is not None


def runtime_of(engine: str) -> Any:  # noqa: ANN401 - a module without types
    """An engine's runtime.

    Raises:
        ModelError: It can't be imported.
    """
    module, distribution = RUNTIMES[engine]
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ModelError(
            f"engine {engine}: its package {distribution} can't be imported ({error}); install the "
            "[engines] extra"
        ) from error


def check_engine(engine: str, precision: str) -> None:
    """Refuse names that aren't engines, and precisions that an engine doesn't have.

    Raises:
        ModelError: As said.
    """
    if engine not in engine_names():
        raise ModelError(f"engine {engine}: expected one of {', '.join(engine_names())}")
    if precision not in PRECISIONS:
        raise ModelError(f"precision {precision}: expected one of {', '.join(PRECISIONS)}")
    if engine != AUTO and precision not in ENGINES[engine]:
        able = ", ".join(name for name, known in ENGINES.items() if precision in known)
        raise ModelError(
            f"engine {engine} with precision {precision}: expected {', '.join(ENGINES[engine])}, "
            f"or for {precision} one of the engines {able}"
        )


def only_on_cpu(engine: str, devices: Devices) -> None:
    """Refuse GPUs.

    Raises:
        DeviceError: Another device than the CPU.
    """
    if devices.spec != "cpu":
        raise DeviceError(
            f"engine {engine} on device {devices.spec!r}: it runs on the cpu only; on GPUs take "
            "--engine tensorflow or tensorflow-xla"
        )
