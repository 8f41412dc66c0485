"""The engines by name, and which of them can run here."""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tl_core.errors import DeviceError, ModelError
from tl_core.models.settings import PRECISIONS

if TYPE_CHECKING:
    from tl_core.devices import Devices

#: The engine with whose features those of the others must agree.
REFERENCE = "tensorflow"
#: The name that selects the fastest of the installed engines.
AUTO = "auto"


@dataclass(frozen=True)
class Engine:
    """An engine's place in this environment.

    Attributes:
        module: Name of the module with its ``open_network(model, devices, settings)``.
        precisions: What it computes in.
        runtime: Name of its runtime's module; None if TensorFlow runs it.
        package: The distribution that contains the runtime.
        only_cpu: Whether it refuses GPUs.
        automatic: Whether ``auto`` may choose it.
    """

    module: str
    precisions: tuple[str, ...] = ("fp32",)
    runtime: str | None = None
    package: str = "tensorflow"
    only_cpu: bool = True
    automatic: bool = True


#: Other programs may add engines.
ENGINES = {
    REFERENCE: Engine("tl_core.engines.tensorflow", only_cpu=False),
    "tensorflow-xla": Engine("tl_core.engines.tensorflow_xla", only_cpu=False),
    "litert": Engine(
        "tl_core.engines.litert", ("fp32", "int8"), "ai_edge_litert.interpreter", "ai-edge-litert"
    ),
    "onnxruntime": Engine("tl_core.engines.onnxruntime", ("fp32",), "onnxruntime", "onnxruntime"),
    "openvino": Engine("tl_core.engines.openvino", ("fp32", "bf16"), "openvino", "openvino"),
}


def engine_names() -> tuple[str, ...]:
    """The names of all engines, and ``auto``."""
    return (*ENGINES, AUTO)


def has_runtime(engine: str) -> bool:
    """Whether an engine, or the one that ``auto`` may choose, runs without TensorFlow."""
    return engine == AUTO or ENGINES[engine].runtime is not None


def is_installed(engine: str) -> bool:
    """Whether an engine's runtime can be imported; TensorFlow always can."""
    runtime = ENGINES[engine].runtime
    return runtime is None or importlib.util.find_spec(runtime.partition(".")[0]) is not None


def runtime_of(engine: str) -> Any:  # noqa: ANN401 - a module without types
    """An engine's runtime; ModelError if it can't be imported."""
    entry = ENGINES[engine]
    try:
        return importlib.import_module(entry.runtime or entry.package)
    except ImportError as error:
        raise ModelError(
            f"engine {engine}: its package {entry.package} can't be imported ({error}); install "
            "the [engines] extra"
        ) from error


def check_engine(engine: str, precision: str) -> None:
    """Refuse names that aren't engines, and precisions that an engine doesn't have.

    The ModelError's message begins with ``engine`` or ``precision`` and the name.
    """
    if engine not in engine_names():
        raise ModelError(f"engine {engine}: expected one of {', '.join(engine_names())}")
    if precision not in PRECISIONS:
        raise ModelError(f"precision {precision}: expected one of {', '.join(PRECISIONS)}")
    if engine != AUTO and precision not in ENGINES[engine].precisions:
        able = ", ".join(name for name, each in ENGINES.items() if precision in each.precisions)
        expected = ", ".join(ENGINES[engine].precisions)
        raise ModelError(
            f"engine {engine} with precision {precision}: expected {expected}, or for {precision} "
            f"one of the engines {able}"
        )


def check_device(engine: str, devices: Devices) -> None:
    """Refuse GPUs for engines that run on the CPU only, with a DeviceError."""
    if ENGINES[engine].only_cpu and devices.spec != "cpu":
        raise DeviceError(
            f"engine {engine} on device {devices.spec!r}: it runs on the cpu only; on GPUs use the "
            "engine tensorflow or tensorflow-xla"
        )
