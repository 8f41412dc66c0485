"""The trained head: one Dense layer with softmax over frozen features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tl_core.array_head import ArrayHead, starting_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tl_core.models import HubModule
    from tl_core.models.untyped import Tensor, Variable

#: Keras's default for Adam, which the tutorial uses.
LEARNING_RATE = 1e-3


class DenseHead:
    """Logits = features @ kernel + bias.

    Args:
        features: Inputs.
        classes: Outputs, at least 2.
        seed: Of the Glorot uniform kernel (Keras's default); the bias starts at 0.
        device: TensorFlow's name of the device that holds it and computes with it, such as
            ``GPU:0``; None leaves the choice to TensorFlow.

    Attributes:
        kernel: float32 variable ``(features, classes)``.
        bias: float32 variable ``(classes,)``.
    """

    def __init__(
        self, features: int, classes: int, *, seed: int = 0, device: str | None = None
    ) -> None:
        import tensorflow as tf

        kernel, bias = starting_weights(features, classes, seed)
        self.device = device
        with tf.device(device):
            self.kernel = tf.Variable(kernel, name="kernel")
            self.bias = tf.Variable(bias, name="bias")

    @classmethod
    def of(cls, head: DenseHead | ArrayHead) -> DenseHead:
        """The head itself, or a copy of one in arrays, to be saved within a graph."""
        if isinstance(head, DenseHead):
            return head
        copy = cls(*head.kernel.shape)
        copy.assign(head.kernel, head.bias)
        return copy

    def assign(self, kernel: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        """Take other weights, of the same shapes."""
        self.kernel.assign(kernel)
        self.bias.assign(bias)

    @property
    def trainable_variables(self) -> list[Variable]:
        """Kernel and bias."""
        return [self.kernel, self.bias]

    def logits(self, features: Tensor) -> Tensor:
        """Unscaled scores, float32 ``(n, classes)``, of features ``(n, features)``."""
        return features @ self.kernel + self.bias

    def predict(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Class probabilities, float32 ``(n, classes)``."""
        import tensorflow as tf

        with tf.device(self.device):
            return np.asarray(tf.nn.softmax(self.logits(tf.constant(features))).numpy())


class Trainer:
    """One Adam step at a time on the head, and on the backbone where it is unfrozen.

    The step is traced here, so that the first batch costs what the others do. It runs on the
    head's device.

    Args:
        head: The head to train.
        learning_rate: Adam's step size; its other constants are Keras's defaults.
        backbone: Where fine-tuning: a module that maps float32 [0, 1] images to features, in
            training mode. None: the inputs of a step are features already.
        image_size: Where fine-tuning: side of the images in pixels.
    """

    def __init__(
        self,
        head: DenseHead,
        *,
        learning_rate: float,
        backbone: HubModule | None = None,
        image_size: int | None = None,
    ) -> None:
        import tensorflow as tf
        import tf_keras

        self._head, self._backbone = head, backbone
        unfrozen = [] if backbone is None else list(backbone.trainable_variables)
        self._variables = [*head.trainable_variables, *unfrozen]
        with tf.device(head.device):
            # Where there is a GPU, Keras would have XLA compile each variable's update, anew for
            # every model: its first step would wait for that.
            self._optimizer = tf_keras.optimizers.Adam(learning_rate, jit_compile=False)
            self._optimizer.build(self._variables)
        inputs = (
            tf.TensorSpec((None, head.kernel.shape[0]), tf.float32)
            if backbone is None
            else tf.TensorSpec((None, image_size, image_size, 3), tf.uint8)
        )
        step = tf.function(self._one_step, autograph=False)
        self._step = step.get_concrete_function(inputs, tf.TensorSpec((None,), tf.int64))

    def step(
        self, inputs: NDArray[np.float32] | NDArray[np.uint8], labels: NDArray[np.int64]
    ) -> float:
        """Train on one batch.

        Args:
            inputs: Features, float32 ``(n, d)``; fine-tuning: uint8 images ``(n, s, s, 3)``.
            labels: int64 ``(n,)``.

        Returns:
            The batch's mean cross-entropy before the step, in nats.
        """
        import tensorflow as tf

        with tf.device(self._head.device):
            return float(self._step(tf.constant(inputs), tf.constant(labels)))

    def _one_step(self, inputs: Tensor, labels: Tensor) -> Tensor:
        import tensorflow as tf

        with tf.device(self._head.device):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(self._variables)
                logits = self._head.logits(self._features(inputs))
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
                loss = tf.reduce_mean(losses)
            gradients = tape.gradient(loss, self._variables)
            self._optimizer.apply_gradients(zip(gradients, self._variables, strict=True))
            return loss

    def _features(self, inputs: Tensor) -> Tensor:
        import tensorflow as tf

        if self._backbone is None:
            return inputs
        return self._backbone(tf.cast(inputs, tf.float32) / 255.0, training=True)
