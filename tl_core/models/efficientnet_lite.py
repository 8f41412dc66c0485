"""EfficientNet-Lite0 as functions of an image batch and named weights.

Source: Tan and Le, "EfficientNet" (2019), and the Lite variant in TensorFlow's TPU models:
no squeeze-and-excitation, ReLU6, stem and head of fixed width.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tl_core.models.untyped import Tensor, Variable

#: Side in pixels of the images it was trained on.
IMAGE_SIZE = 224
FEATURES = 1280
CLASSES = 1000
#: Pixels from 0 to 255 are normalised as (x - 127) / 128.
PIXEL_MEAN, PIXEL_SCALE = 127.0, 128.0
#: Batch norm as in its training: epsilon, and the share of a moving average that a step leaves.
BN_EPSILON = 1e-3
BN_MOMENTUM = 0.99
#: A batch norm's variables, in the order that ``conv_bn`` takes them.
BN_PARTS = ("gamma", "beta", "moving_mean", "moving_variance")
#: Kernel side, stride of the first block, expansion, channels out, blocks.
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)


@dataclass(frozen=True)
class ConvBN:
    """A convolution with TensorFlow's SAME padding, batch norm, and ReLU6 or nothing.

    The name is a prefix of its variables' names; kernel's side and stride are in pixels, inputs and
    outputs in channels, as many of one as of the other where depthwise.
    """

    name: str
    kernel: int
    stride: int
    inputs: int
    outputs: int
    depthwise: bool = False
    activation: bool = True

    @property
    def kernel_shape(self) -> tuple[int, int, int, int]:
        """Height, width, channels in, channels out (depthwise: 1)."""
        return (self.kernel, self.kernel, self.inputs, 1 if self.depthwise else self.outputs)


@dataclass(frozen=True)
class Block:
    """An inverted bottleneck: expand (unless by 1), filter depthwise, project, add the input."""

    layers: tuple[ConvBN, ...]
    residual: bool


STEM = ConvBN("stem", 3, 2, 3, 32)
HEAD = ConvBN("head", 1, 1, 320, FEATURES)


def _blocks() -> Iterator[Block]:
    number, inputs = 0, STEM.outputs
    for kernel, first_stride, expansion, outputs, repeats in STAGES:
        for repeat in range(repeats):
            stride = first_stride if repeat == 0 else 1
            name, wide = f"block_{number}", inputs * expansion
            expand = (ConvBN(f"{name}/expand", 1, 1, inputs, wide),) if expansion > 1 else ()
            depthwise = ConvBN(f"{name}/depthwise", kernel, stride, wide, wide, depthwise=True)
            project = ConvBN(f"{name}/project", 1, 1, wide, outputs, activation=False)
            yield Block((*expand, depthwise, project), stride == 1 and inputs == outputs)
            number, inputs = number + 1, outputs


BLOCKS = tuple(_blocks())
#: Every convolution in the order of computation.
CONVOLUTIONS = (STEM, *(layer for block in BLOCKS for layer in block.layers), HEAD)


def normalised(images: Tensor) -> Tensor:
    """Pixels in [0, 1] as the network was trained on: about [-1, 1], float32 ``(n, h, w, 3)``."""
    return (images * 255.0 - PIXEL_MEAN) / PIXEL_SCALE


def features(images: Tensor, weights: Mapping[str, Variable], *, training: bool) -> Tensor:
    """The pooled features, float32 ``(n, 1280)``, not negative.

    Args:
        images: float32 RGB in [0, 1], ``(n, h, w, 3)``.
        weights: A variable for each name of ``CONVOLUTIONS``.
        training: Whether batch norm takes its statistics from this batch and updates its
            moving averages. Stochastic depth, which the published training added, is left out.
    """
    import tensorflow as tf

    x = conv_bn(normalised(images), STEM, weights, training=training)
    for each in BLOCKS:
        x = block(x, each, weights, training=training)
    x = conv_bn(x, HEAD, weights, training=training)
    return tf.reduce_mean(x, axis=(1, 2))


def logits(images: Tensor, weights: Mapping[str, Variable], *, training: bool) -> Tensor:
    """The class scores before softmax: as ``features``, but float32 ``(n, 1000)``."""
    import tensorflow as tf

    pooled = features(images, weights, training=training)
    return tf.matmul(pooled, weights["classifier/kernel"]) + weights["classifier/bias"]


def block(x: Tensor, spec: Block, weights: Mapping[str, Variable], *, training: bool) -> Tensor:
    """One inverted bottleneck: float32 ``(n, h, w, c)`` to the same rank, smaller by its stride."""
    y = x
    for layer in spec.layers:
        y = conv_bn(y, layer, weights, training=training)
    return x + y if spec.residual else y


def conv_bn(x: Tensor, spec: ConvBN, weights: Mapping[str, Variable], *, training: bool) -> Tensor:
    """Convolution, batch norm and activation: float32 ``(n, h, w, c)`` to the same rank.

    Outside training the batch norm is folded into the kernel, a few million multiplications per
    call, because what remains (convolution, bias, ReLU6) is one fused kernel in TensorFlow.
    """
    import tensorflow as tf

    kernel = weights[f"{spec.name}/kernel"]
    gamma, beta, mean, variance = (weights[f"{spec.name}/{part}"] for part in BN_PARTS)
    if training:
        y = _batch_norm(_convolve(x, kernel, spec), gamma, beta, mean, variance)
    else:
        scale = gamma * tf.math.rsqrt(variance + BN_EPSILON)
        folded = kernel * (scale[:, None] if spec.depthwise else scale)
        y = tf.nn.bias_add(_convolve(x, folded, spec), beta - mean * scale)
    return tf.nn.relu6(y) if spec.activation else y


def _convolve(x: Tensor, kernel: Tensor, spec: ConvBN) -> Tensor:
    import tensorflow as tf

    strides = (1, spec.stride, spec.stride, 1)
    convolve = tf.nn.depthwise_conv2d if spec.depthwise else tf.nn.conv2d
    return convolve(x, kernel, strides=strides, padding="SAME")


def _batch_norm(
    x: Tensor, gamma: Variable, beta: Variable, mean: Variable, variance: Variable
) -> Tensor:
    """Normalise by this batch's statistics, and move the averages towards them."""
    import tensorflow as tf

    y, batch_mean, batch_variance = tf.compat.v1.nn.fused_batch_norm(
        x, gamma, beta, epsilon=BN_EPSILON, is_training=True
    )
    mean.assign_sub((mean - batch_mean) * (1 - BN_MOMENTUM))
    variance.assign_sub((variance - batch_variance) * (1 - BN_MOMENTUM))
    return y
