"""Engines: programs that run a frozen network. Each is one module with ``open_network``."""

from __future__ import annotations

from tl_core.engines.names import AUTO, REFERENCE, engine_names
from tl_core.engines.opening import Opened, engine_for, open_model
from tl_core.engines.protocol import Network
from tl_core.models.settings import PRECISIONS, NetworkSettings

__all__ = [
    "AUTO",
    "PRECISIONS",
    "REFERENCE",
    "Network",
    "NetworkSettings",
    "Opened",
    "engine_for",
    "engine_names",
    "open_model",
]
