"""The reference's graph compiled by XLA, for one batch size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tl_core.engines import tensorflow

if TYPE_CHECKING:
    from tl_core.devices import Devices
    from tl_core.engines.device_network import DeviceNetwork
    from tl_core.models.module import Model
    from tl_core.models.settings import NetworkSettings


def open_network(
    model: Model, devices: Devices, settings: NetworkSettings
) -> tensorflow.TensorFlowNetwork | DeviceNetwork:
    """As ``tensorflow.open_network``; smaller batches are padded to a number that was compiled."""
    return tensorflow.open_network(model, devices, settings, compiled=True)
