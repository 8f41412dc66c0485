"""EfficientNet-Lite as functions of an image batch and named weights.

Source: Tan and Le, "EfficientNet" (2019), and the Lite variants in TensorFlow's TPU models: no
squeeze-and-excitation, ReLU6; stem and head of fixed width, first and last stage of fixed depth.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tl_core.models.untyped import Tensor, Variable

FEATURES = 1280
CLASSES = 1000
#: Pixels from 0 to 255 are normalised as (x - 127) / 128.
PIXEL_MEAN, PIXEL_SCALE = 127.0, 128.0
#: Batch norm as in the published training: epsilon, and the momentum of the moving averages.
BN_EPSILON = 1e-3
BN_MOMENTUM = 0.99
#: A batch norm's variables, in the order that ``conv_bn`` takes them.
BN_PARTS = ("gamma", "beta", "moving_mean", "moving_variance")
#: Kernel side, stride of the first block, expansion, channels out, blocks; at width and depth 1.
STAGES = (
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
)
#: Channels are a multiple of this.
DIVISOR = 8


@dataclass(frozen=True)
class ConvBN:
    """A convolution with TensorFlow's SAME padding, batch norm, and ReLU6 or nothing.

    The name is a prefix of its variables' names. The kernel's side and the stride are in pixels,
    inputs and outputs in channels; their number is the same if it is depthwise.
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


@dataclass(frozen=True)
class Network:
    """One of the family: the factors of its channels and blocks, and its image size.

    ``image_size`` is the side in pixels of the images on which it was trained.
    """

    width: float
    depth: float
    image_size: int

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The inverted bottlenecks in the order of computation."""
        return tuple(self._blocks())

    @cached_property
    def convolutions(self) -> tuple[ConvBN, ...]:
        """Every convolution in the order of computation: stem, those of the blocks, head."""
        inner = [layer for block in self.blocks for layer in block.layers]
        return (STEM, *inner, ConvBN("head", 1, 1, inner[-1].outputs, FEATURES))

    def _blocks(self) -> Iterator[Block]:
        number, inputs = 0, STEM.outputs
        for stage, (kernel, first_stride, expansion, channels, repeats) in enumerate(STAGES):
            outputs, inside = self._channels(channels), 0 < stage < len(STAGES) - 1
            for repeat in range(math.ceil(self.depth * repeats) if inside else repeats):
                stride = first_stride if repeat == 0 else 1
                whole = ConvBN(f"block_{number}", kernel, stride, inputs, outputs)
                yield _bottleneck(whole, expansion)
                number, inputs = number + 1, outputs

    def _channels(self, base: int) -> int:
        """Scaled and rounded to a multiple of ``DIVISOR``, never down by more than a tenth."""
        scaled = base * self.width
        rounded = int(scaled + DIVISOR / 2) // DIVISOR * DIVISOR
        return rounded + DIVISOR if rounded < 0.9 * scaled else rounded


def _bottleneck(whole: ConvBN, expansion: int) -> Block:
    """The inverted bottleneck: up to three layers in place of a single convolution."""
    name, inputs, outputs = whole.name, whole.inputs, whole.outputs
    wide = inputs * expansion
    expand = (ConvBN(f"{name}/expand", 1, 1, inputs, wide),) if expansion > 1 else ()
    depthwise = ConvBN(f"{name}/depthwise", whole.kernel, whole.stride, wide, wide, depthwise=True)
    project = ConvBN(f"{name}/project", 1, 1, wide, outputs, activation=False)
    return Block((*expand, depthwise, project), whole.stride == 1 and inputs == outputs)


def normalised(images: Tensor) -> Tensor:
    """Pixels in [0, 1] scaled as in training, to about [-1, 1]: float32 ``(n, h, w, 3)``."""
    return (images * 255.0 - PIXEL_MEAN) / PIXEL_SCALE


def features(
    network: Network, images: Tensor, weights: Mapping[str, Variable], *, training: bool
) -> Tensor:
    """The pooled features, float32 ``(n, 1280)``, not negative.

    Args:
        network: The network to which the weights belong.
        images: float32 RGB in [0, 1], ``(n, h, w, 3)``.
        weights: A variable for each part of ``network.convolutions``.
        training: Whether batch norm takes its statistics from this batch and updates its
            moving averages. Stochastic depth, which the published training added, is left out.
    """
    import tensorflow as tf

    x = conv_bn(normalised(images), STEM, weights, training=training)
    for each in network.blocks:
        x = block(x, each, weights, training=training)
    x = conv_bn(x, network.convolutions[-1], weights, training=training)
    return tf.reduce_mean(x, axis=(1, 2))


def logits(
    network: Network, images: Tensor, weights: Mapping[str, Variable], *, training: bool
) -> Tensor:
    """The class scores before softmax: as ``features``, but float32 ``(n, 1000)``."""
    import tensorflow as tf

    pooled = features(network, images, weights, training=training)
    return tf.matmul(pooled, weights["classifier/kernel"]) + weights["classifier/bias"]


def block(x: Tensor, spec: Block, weights: Mapping[str, Variable], *, training: bool) -> Tensor:
    """One inverted bottleneck: float32 ``(n, h, w, c)`` to the same rank, smaller by its stride."""
    y = x
    for layer in spec.layers:
        y = conv_bn(y, layer, weights, training=training)
    return x + y if spec.residual else y


def conv_bn(x: Tensor, spec: ConvBN, weights: Mapping[str, Variable], *, training: bool) -> Tensor:
    """Convolution, batch norm and activation: float32 ``(n, h, w, c)`` to the same rank.

    Outside training, the batch norm is folded into the kernel, a few million multiplications per
    call. The remaining convolution, bias and ReLU6 are one fused kernel in TensorFlow.
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
