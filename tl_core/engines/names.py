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
#: What TensorFlow computes in on GPUs; in 16 bits see ``conversion.mixed_precision``.
ON_GPUS = ("fp32", "bf16", "fp16")


@dataclass(frozen=True)
class Engine:
    """An engine's place in this environment.

    Attributes:
        module: Name of the module with its ``open_network(model, devices, settings)``.
        precisions: What it computes in on the CPU.
        gpu_precisions: What it computes in on GPUs; empty if it refuses them.
        runtime: Name of its runtime's module; None if TensorFlow runs it.
        package: The distribution that contains the runtime.
        other_package: Another one that does, for GPUs.
        automatic: Whether ``auto`` may choose it.
        converters: Distributions that convert models for it, besides its own and TensorFlow.
    """

    module: str
    precisions: tuple[str, ...] = ("fp32",)
    runtime: str | None = None
    package: str = "tensorflow"
    gpu_precisions: tuple[str, ...] = ()
    automatic: bool = True
    other_package: str | None = None
    converters: tuple[str, ...] = ()

    @property
    def packages(self) -> tuple[str, ...]:
        """All distributions whose versions may matter."""
        return (self.package, *filter(None, [self.other_package]), *self.converters)

    def precisions_on(self, device: str) -> tuple[str, ...]:
        """What it computes in on ``cpu``, ``gpu`` or ``gpu:N``; empty where it refuses that."""
        return self.precisions if device == "cpu" else self.gpu_precisions


#: Other programs may add engines.
ENGINES = {
    REFERENCE: Engine("tl_core.engines.tensorflow", gpu_precisions=ON_GPUS),
    "tensorflow-xla": Engine("tl_core.engines.tensorflow_xla", gpu_precisions=ON_GPUS),
    "litert": Engine(
        "tl_core.engines.litert", ("fp32", "int8"), "ai_edge_litert.interpreter", "ai-edge-litert"
    ),
    "onnxruntime": Engine(
        *("tl_core.engines.onnxruntime", ("fp32",), "onnxruntime", "onnxruntime"),
        gpu_precisions=("fp32",),
        other_package="onnxruntime-gpu",
        converters=("tf2onnx", "onnx"),
    ),
    "openvino": Engine("tl_core.engines.openvino", ("fp32", "bf16"), "openvino", "openvino"),
}


def engine_names() -> tuple[str, ...]:
    """The names of all engines, and ``auto``."""
    return (*ENGINES, AUTO)


def packages_of(engine: str) -> tuple[str, ...]:
    """The distributions whose versions may matter to an engine; with ``auto``, to any."""
    entries = [entry for name, entry in ENGINES.items() if engine in (name, AUTO)]
    return tuple(dict.fromkeys(name for entry in entries for name in entry.packages))


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
            + f", or for GPUs [{entry.other_package}]"
            * bool(entry.other_package)
        ) from error


def check_engine(engine: str, precision: str, device: str = "cpu") -> None:
    """Refuse names that aren't engines, and precisions that an engine doesn't have on a device.

    The device is ``cpu``, ``gpu`` or ``gpu:N``; whether the engine runs there at all is left to
    ``check_device``. The ModelError's message begins with ``engine`` or ``precision`` and the name.
    """
    if engine not in engine_names():
        raise ModelError(f"engine {engine}: expected one of {', '.join(engine_names())}")
    if precision not in PRECISIONS:
        raise ModelError(f"precision {precision}: expected one of {', '.join(PRECISIONS)}")
    if engine == AUTO:
        offered = precisions_on(device)
        if precision not in offered:
            raise ModelError(
                f"precision {precision} on device {device}: no engine has it, expected one of "
                f"{', '.join(offered)}"
            )
        return
    own = ENGINES[engine].precisions_on(device) or ENGINES[engine].precisions
    if precision not in own:
        raise ModelError(
            f"engine {engine} with precision {precision} on device {device}: expected "
            f"{', '.join(own)}{_other_ways(engine, precision, device)}"
        )


def precisions_on(device: str) -> tuple[str, ...]:
    """What at least one engine computes in on a device: ``cpu``, ``gpu`` or ``gpu:N``."""
    offered = {name for each in ENGINES.values() for name in each.precisions_on(device)}
    return tuple(name for name in PRECISIONS if name in offered)


def _other_ways(engine: str, precision: str, device: str) -> str:
    """Where a precision can be had that this engine doesn't have on this device."""
    able = [name for name, each in ENGINES.items() if precision in each.precisions_on(device)]
    ways = [f"one of the engines {', '.join(able)}"] if able else []
    if precision in ENGINES[engine].gpu_precisions:
        ways.append("the device gpu")
    return f", or for {precision} {' or '.join(ways)}" if ways else ""


def check_device(engine: str, devices: Devices) -> None:
    """Refuse GPUs for engines that run on the CPU only, with a DeviceError."""
    if not ENGINES[engine].precisions_on(devices.spec):
        raise DeviceError(
            f"engine {engine} on device {devices.spec!r}: it runs on the cpu only; on GPUs use "
            "one of the engines "
            + ", ".join(name for name, each in ENGINES.items() if each.gpu_precisions)
        )
