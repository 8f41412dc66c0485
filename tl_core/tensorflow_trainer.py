"""Training in TensorFlow: a head whose network TensorFlow runs, and fine-tuning.

NumPy trains a head to the same accuracies, several times as fast (``head.ArrayTrainer``). If
TensorFlow runs the network on the CPU, it also trains the head, as the tutorial does. For GPUs, see
``device_trainer``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tl_core.engines.memory import is_out_of_memory
from tl_core.errors import DeviceError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from tl_core.head import Head
    from tl_core.models import HubModule
    from tl_core.models.untyped import Tensor


class TensorFlowTrainer:
    """One Adam step at a time on a head, and on the backbone if it is unfrozen.

    The step is traced when it is made, so that the first batch takes as long as the others.

    Args:
        head: The head to train; it has the trained weights after ``store``.
        learning_rate: Adam's step size; its other constants are Keras's defaults.
        device: TensorFlow's name of the device that computes, such as ``GPU:0``.
        backbone: For fine-tuning: a module that maps float32 [0, 1] images to features, in
            training mode. None: the inputs of a step are features.
        image_size: For fine-tuning: side of the images in pixels.
    """

    def __init__(
        self,
        head: Head,
        *,
        learning_rate: float,
        device: str = "CPU:0",
        backbone: HubModule | None = None,
        image_size: int | None = None,
    ) -> None:
        import tensorflow as tf
        import tf_keras

        self._head, self._device, self._backbone = head, device, backbone
        unfrozen = [] if backbone is None else list(backbone.trainable_variables)
        with tf.device(device):
            self._kernel = tf.Variable(head.kernel, name="kernel")
            self._bias = tf.Variable(head.bias, name="bias")
            self._variables = [self._kernel, self._bias, *unfrozen]
            # With a GPU, Keras would let XLA compile each variable's update again for every model:
            # its first step would wait for that.
            self._optimizer = tf_keras.optimizers.Adam(learning_rate, jit_compile=False)
            self._optimizer.build(self._variables)
        inputs = (
            tf.TensorSpec((None, len(head.kernel)), tf.float32)
            if backbone is None
            else tf.TensorSpec((None, image_size, image_size, 3), tf.uint8)
        )
        step = tf.function(self._one_step, autograph=False)
        self._step = step.get_concrete_function(inputs, tf.TensorSpec((None,), tf.int64))

    def step(
        self, inputs: NDArray[np.float32] | NDArray[np.uint8], labels: NDArray[np.int64]
    ) -> float:
        """Train on features, float32 ``(n, d)``, or fine-tune on uint8 images ``(n, s, s, 3)``.

        DeviceError if they don't fit into the device's memory: half a batch is another step.
        """
        import tensorflow as tf

        try:
            with tf.device(self._device):
                return float(self._step(tf.constant(inputs), tf.constant(labels)))
        except Exception as error:
            if not is_out_of_memory(error):
                raise
            raise DeviceError(
                f"device {self._device}: a training step of {len(labels)} images doesn't fit into "
                "its memory; take a smaller batch size or image size"
            ) from error

    def store(self) -> None:
        """Give the head the trained weights."""
        self._head.assign(self._kernel.numpy(), self._bias.numpy())

    def _one_step(self, inputs: Tensor, labels: Tensor) -> Tensor:
        import tensorflow as tf

        with tf.device(self._device):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(self._variables)
                logits = self._features(inputs) @ self._kernel + self._bias
                losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
                loss = tf.reduce_mean(losses)
            gradients = tape.gradient(loss, self._variables)
            # There is one device. Keras would add up the gradients of several, in an operation with
            # a gradient of its own, which TensorFlow keeps forever, with the graph of this step.
            self._optimizer.apply_gradients(
                zip(gradients, self._variables, strict=True), skip_gradients_aggregation=True
            )
            return loss

    def _features(self, inputs: Tensor) -> Tensor:
        import tensorflow as tf

        if self._backbone is None:
            return inputs
        return self._backbone(tf.cast(inputs, tf.float32) / 255.0, training=True)
