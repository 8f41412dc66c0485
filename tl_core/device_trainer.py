"""Training a head on a GPU: an epoch on features that lie there is one compiled loop."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tl_core.adam_graphs import compiled_loop, plain_loop
from tl_core.head import BETA_1, BETA_2

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tl_core.adam_graphs import State
    from tl_core.device_features import DeviceFeatures
    from tl_core.head import Head
    from tl_core.models.untyped import Loaded, Tensor

#: Bytes of features that are put in order, or copied to the device, at once.
BLOCK_BYTES = 256 * 2**20


class DeviceTrainer:
    """Adam on a head whose weights lie on a device; as ``head.ArrayTrainer``, step by step.

    Args:
        head: The head to train; it has the trained weights after ``store``.
        learning_rate: Adam's step size; its other constants are Keras's defaults.
        device: TensorFlow's name of the device that computes, such as ``GPU:0``.
    """

    def __init__(self, head: Head, *, learning_rate: float, device: str) -> None:
        import tensorflow as tf

        self.device = device
        self._head, self._rate, self._steps = head, learning_rate, 0
        with tf.device(device):
            kernel, bias = (tf.constant(weights.copy()) for weights in (head.kernel, head.bias))
            none = tf.zeros_like(kernel), tf.zeros_like(bias)
        self._state: State = (kernel, none[0], none[0], bias, none[1], none[1])

    def step(self, inputs: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
        """Train on one batch of features, float32 ``(n, d)``; see ``training.Trainer``."""
        return float(self.steps(inputs, labels, len(labels))) / len(labels)

    def steps(
        self, rows: Tensor | NDArray[np.float32], labels: NDArray[np.int64], batch_size: int
    ) -> Tensor:
        """Train on features ``(n, d)`` in their order, a step for each ``batch_size`` of them.

        Returns the sum of their cross-entropies, each image's before its own step, in nats: a
        tensor that may still be computed.
        """
        return self._run(
            plain_loop(self.device, batch_size, *self._shape), rows, labels, batch_size
        )

    def epoch(
        self,
        features: DeviceFeatures,
        places: NDArray[np.int64],
        labels: NDArray[np.int64],
        batch_size: int,
    ) -> float:
        """Train once on features, a step for each ``batch_size`` of them.

        Args:
            features: float32 ``(n, d)``, on the trainer's device.
            places: Of the rows to train on, int64 ``(k,)``, at least one, in the steps' order.
            labels: Their class numbers, int64 ``(k,)``.
            batch_size: Images per step.

        Returns:
            The mean cross-entropy, each image's before its own step, in nats.
        """
        row = features.shape[1] * features.dtype.itemsize
        block = max(1, BLOCK_BYTES // (row * batch_size)) * batch_size
        totals = [
            self._loop(features.take(places[i : i + block]), labels[i : i + block], batch_size)
            for i in range(0, len(places), block)
        ]
        return sum(map(float, totals)) / len(places)

    def loss(self, rows: Tensor, labels: NDArray[np.int64]) -> float:
        """Mean cross-entropy of features ``(n, d)`` on the device, in nats; nothing is trained."""
        import tensorflow as tf

        with tf.device(self.device):
            logits = rows @ self._state[0] + self._state[3]
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            return float(tf.reduce_mean(losses))

    def store(self) -> None:
        """Give the head the trained weights."""
        self._head.assign(self._state[0].numpy(), self._state[3].numpy())

    @property
    def _shape(self) -> tuple[int, int]:
        """Features and classes."""
        width, classes = self._head.kernel.shape
        return width, classes

    def _loop(self, rows: Tensor, labels: NDArray[np.int64], batch_size: int) -> Tensor:
        """As ``steps``, in a loop that is compiled for so many rows."""
        loop = compiled_loop(self.device, len(labels), batch_size, *self._shape)
        return self._run(loop, rows, labels, batch_size)

    def _run(
        self,
        loop: Loaded,
        rows: Tensor | NDArray[np.float32],
        labels: NDArray[np.int64],
        batch_size: int,
    ) -> Tensor:
        import tensorflow as tf

        steps = -(-len(labels) // batch_size)
        with tf.device(self.device):
            inputs = tf.convert_to_tensor(rows), tf.constant(labels), self._rates(steps)
            total, self._state = loop(*inputs, self._state)
        self._steps += steps
        return total

    def _rates(self, count: int) -> Tensor:
        """Adam's step size in each of the next steps, its moments' bias corrected."""
        import tensorflow as tf

        steps = np.arange(self._steps + 1, self._steps + count + 1)
        unbiased = np.sqrt(1 - BETA_2**steps) / (1 - BETA_1**steps)
        return tf.constant(np.asarray(self._rate * unbiased, np.float32))
