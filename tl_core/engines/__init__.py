"""Engines: programs that run a frozen network. Each is one module with ``open_network``."""

from __future__ import annotations

import importlib
import pkgutil
from typing import TYPE_CHECKING

from tl_core.devices import select_devices, set_threads
from tl_core.engines.protocol import Network, NetworkSettings
from tl_core.errors import ModelError
from tl_core.models import resolve

if TYPE_CHECKING:
    from tl_core.models import Kind

__all__ = ["REFERENCE", "Network", "NetworkSettings", "engine_names", "open_model"]

#: The engine that the others must agree with.
REFERENCE = "tensorflow"


def engine_names() -> tuple[str, ...]:
    """The names that ``--engine`` takes."""
    modules = (module.name for module in pkgutil.iter_modules(__path__))
    return tuple(sorted(name.replace("_", "-") for name in modules if name != "protocol"))


def open_model(handle: str, kind: Kind, engine: str, settings: NetworkSettings) -> Network:
    """Resolve a handle and load it in an engine.

    Args:
        handle: As for ``tl_core.models.resolve``.
        kind: Whether features or class logits are wanted.
        engine: One of ``engine_names()``.
        settings: Image size, device, threads.

    Raises:
        ModelError: No such engine or model, the wrong kind of model, or one that the engine can't
            run.
        DeviceError: No such device, or threads that can't be set any more.
    """
    if engine not in engine_names():
        raise ModelError(f"engine {engine!r}: expected one of {', '.join(engine_names())}")
    # Before TensorFlow is used for anything, such as converting the model.
    if settings.threads is not None:
        set_threads(settings.threads)
    devices = select_devices(settings.device)
    module = importlib.import_module(f"{__name__}.{engine.replace('-', '_')}")
    path = resolve(handle, kind)
    network: Network = module.open_network(path, handle, kind, devices, settings)
    return network
