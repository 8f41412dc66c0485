"""The reference's graph compiled by XLA, for one batch size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tl_core.engines import tensorflow

if TYPE_CHECKING:
    from pathlib import Path

    from tl_core.devices import Devices
    from tl_core.engines.protocol import NetworkSettings
    from tl_core.models import Kind


def open_network(
    path: Path, handle: str, kind: Kind, devices: Devices, settings: NetworkSettings
) -> tensorflow.TensorFlowNetwork:
    """As ``tensorflow.open_network``; smaller batches are padded to the largest one so far."""
    return tensorflow.open_network(path, handle, kind, devices, settings, compiled=True)
