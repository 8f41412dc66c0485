"""Features in a GPU's memory, where heads are trained on them without a copy per epoch."""

from __future__ import annotations

import logging
from contextlib import closing
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from tl_core.engines.memory import is_out_of_memory
from tl_core.progress import progress
from tl_core.streaming import output_calls, run_network

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import DTypeLike, NDArray

    from tl_core.engines.protocol import KeepsOutputs
    from tl_core.models.untyped import Tensor
    from tl_core.sources import ImageSource

    #: Features of images ``(n, d)``, float32, on the host or on a device.
    Features: TypeAlias = "NDArray[np.float32] | DeviceFeatures"

log = logging.getLogger(__name__)
#: Features that stay on a device while others are extracted there: they take room from chunks. More
#: are copied to the host and back, which is little beside extracting them.
MOST_KEPT_BYTES = 2**30


class DeviceFeatures:
    """Features of images, float32 ``(n, d)``, in a device's memory.

    Where they don't fit into it they are kept on the host, which is logged, and copied in parts
    whenever they are used. ``np.asarray`` copies them to the host.

    Args:
        rows: float32 ``(n, d)``; or tensors with so many rows together, in order.
        device: TensorFlow's name of the device, such as ``GPU:0``.

    Attributes:
        device: The same.
        is_resident: Whether the device's memory has them.
    """

    dtype, ndim = np.dtype(np.float32), 2

    def __init__(self, rows: NDArray[np.float32] | list[Tensor], device: str) -> None:
        import tensorflow as tf

        self.device = device
        own: Tensor | None
        with tf.device(device):
            if isinstance(rows, list):
                own = _where_it_fits(lambda: tf.concat(rows, axis=0))
            else:
                own = _where_it_fits(lambda: tf.constant(rows))
        self.is_resident = own is not None
        if own is None:
            own = np.concatenate(rows) if isinstance(rows, list) else rows
            self._warn(len(own))
        self._rows: Tensor = own

    def __len__(self) -> int:
        return len(self._rows)

    def __array__(
        self,
        dtype: DTypeLike | None = None,
        copy: bool | None = None,  # noqa: FBT001 - NumPy's protocol
    ) -> NDArray[np.float32]:
        return np.array(self.numpy(), dtype, copy=copy)

    @property
    def shape(self) -> tuple[int, int]:
        """``(n, d)``."""
        return len(self._rows), int(self._rows.shape[1])

    def numpy(self) -> NDArray[np.float32]:
        """The features on the host, float32 ``(n, d)``."""
        rows: NDArray[np.float32] = self._rows.numpy() if self.is_resident else self._rows
        return rows

    def take(self, places: NDArray[np.int64]) -> Tensor:
        """The rows at some places ``(k,)``, in this order: a tensor on the device, ``(k, d)``.

        Where the device has no room for all features and these, all are moved to the host first.
        """
        import tensorflow as tf

        with tf.device(self.device):
            if self.is_resident:
                part = _where_it_fits(lambda: tf.gather(self._rows, places))
                if part is not None:
                    return part
                self._rows, self.is_resident = self.numpy(), False
                self._warn(len(self))
            return tf.constant(self._rows[places])

    def _warn(self, images: int) -> None:
        log.warning(
            "%s has no room for the features of %s images: they are copied to it in each epoch",
            *(self.device, f"{images:,}"),
        )


def on_device(features: Features, device: str) -> DeviceFeatures:
    """The features in a device's memory; themselves if they are there."""
    if isinstance(features, DeviceFeatures) and features.device == device:
        return features
    return DeviceFeatures(np.asarray(features), device)


def extracted_on_device(
    network: KeepsOutputs, source: ImageSource, *, batch_size: int, method: str
) -> DeviceFeatures:
    """All outputs of a network for images, at least one, in order, as ``streaming.run_network``.

    Up to ``MOST_KEPT_BYTES`` stay where they are made.
    """
    if len(source) * network.output_size * DeviceFeatures.dtype.itemsize > MOST_KEPT_BYTES:
        rows = run_network(network, source, batch_size=batch_size, method=method)
        return DeviceFeatures(rows, network.device)
    parts = []
    order = np.arange(len(source))
    calls = output_calls(network, source, order, batch_size=batch_size, method=method)
    with network.keeping_outputs(), closing(calls), progress(len(source), "extract") as bar:
        for places, rows in calls:
            parts.append(rows)
            bar.update(len(places))
    return DeviceFeatures(parts, network.device)


def _where_it_fits(make: Callable[[], Tensor]) -> Tensor | None:
    """What is made; None where the device has no memory for it."""
    import tensorflow as tf

    try:
        return make()
    except tf.errors.OpError as error:
        if not is_out_of_memory(error):
            raise
        return None
