"""Adam's steps on a softmax head as TensorFlow graphs: loops over batches of rows.

They are functions of the weights, so that all heads of one shape share a compiled loop: compiling
takes longer than an epoch.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, TypeAlias

from tl_core.head import BETA_1, BETA_2, EPSILON

if TYPE_CHECKING:
    from tl_core.models.untyped import Loaded, Tensor, TensorSpec

    #: Kernel, the means of its gradients and of their squares; the same of the bias. All float32.
    State: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]

#: Compiled loops that are kept; each is for one shape.
MOST_LOOPS = 64


@lru_cache(maxsize=MOST_LOOPS)
def compiled_loop(device: str, images: int, batch_size: int, width: int, classes: int) -> Loaded:
    """Steps over rows in their order, which XLA compiles into one program.

    Args:
        device: TensorFlow's name of the device that computes.
        images: Rows, n, at least 1.
        batch_size: Rows per step; the last step takes what is left.
        width: Features per row, d.
        classes: Outputs of the head.

    Returns:
        A function of features, float32 ``(n, d)``; class numbers, int64 ``(n,)``; Adam's step size
        in each step, float32 ``(steps,)``; and the state before. It gives the sum of all images'
        cross-entropies, each before its own step, in nats, and the state after.
    """
    import tensorflow as tf

    whole = images // batch_size

    def run(rows: Tensor, labels: Tensor, rates: Tensor, state: State) -> tuple[Tensor, State]:
        def one(i: Tensor, total: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
            first = i * batch_size
            part = tf.slice(rows, [first, 0], [batch_size, width])
            own = tf.slice(labels, [first], [batch_size])
            loss, after = _step(part, own, tf.gather(rates, i), state)
            return (i + 1, total + loss, *after)

        with tf.device(device):
            total = tf.constant(0.0)
            if whole:
                _, total, *rest = tf.while_loop(lambda i, *_: i < whole, one, (0, total, *state))
                state = tuple(rest)
            if whole * batch_size < images:
                left = slice(whole * batch_size, images)
                loss, state = _step(rows[left], labels[left], rates[whole], state)
                total += loss
            return total, state

    steps = -(-images // batch_size)
    signature = _signature(images, steps, width, classes)
    return tf.function(run, input_signature=signature, autograph=False, jit_compile=True)


@lru_cache(maxsize=MOST_LOOPS)
def plain_loop(device: str, batch_size: int, width: int, classes: int) -> Loaded:
    """As ``compiled_loop``, for any number of rows, without XLA.

    Compiling for each number would take seconds. Steps are slower, but extracting rows takes longer
    still.
    """
    import tensorflow as tf

    def run(rows: Tensor, labels: Tensor, rates: Tensor, state: State) -> tuple[Tensor, State]:
        def one(i: Tensor, total: Tensor, *state: Tensor) -> tuple[Tensor, ...]:
            part = slice(i * batch_size, (i + 1) * batch_size)
            loss, after = _step(rows[part], labels[part], rates[i], state)
            return (i + 1, total + loss, *after)

        with tf.device(device):
            steps, before = tf.size(rates), (0, tf.constant(0.0), *state)
            _, total, *after = tf.while_loop(lambda i, *_: i < steps, one, before)
            return total, tuple(after)

    signature = _signature(None, None, width, classes)
    return tf.function(run, input_signature=signature, autograph=False)


def _signature(
    images: int | None, steps: int | None, width: int, classes: int
) -> tuple[TensorSpec | tuple[TensorSpec, ...], ...]:
    import tensorflow as tf

    kernel, bias = (tf.TensorSpec(shape, tf.float32) for shape in ((width, classes), (classes,)))
    return (
        tf.TensorSpec((images, width), tf.float32),
        tf.TensorSpec((images,), tf.int64),
        tf.TensorSpec((steps,), tf.float32),
        (kernel, kernel, kernel, bias, bias, bias),
    )


def _step(rows: Tensor, labels: Tensor, rate: Tensor, state: State) -> tuple[Tensor, State]:
    """The batch's sum of cross-entropies before the step, and the state after it."""
    import tensorflow as tf

    kernel, bias = state[0], state[3]
    logits = rows @ kernel + bias
    targets = tf.one_hot(labels, logits.shape[1])
    loss = -tf.reduce_sum(targets * tf.nn.log_softmax(logits))
    errors = (tf.nn.softmax(logits) - targets) / tf.cast(tf.shape(rows)[0], tf.float32)
    gradients = tf.matmul(rows, errors, transpose_a=True), tf.reduce_sum(errors, axis=0)
    after = (_updated(state[:3], gradients[0], rate), _updated(state[3:], gradients[1], rate))
    return loss, (*after[0], *after[1])


def _updated(
    state: tuple[Tensor, Tensor, Tensor], gradient: Tensor, rate: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """As ``head.ArrayTrainer`` updates weights."""
    import tensorflow as tf

    weights, mean, square = state
    mean += (gradient - mean) * (1 - BETA_1)
    square += (gradient * gradient - square) * (1 - BETA_2)
    return weights - rate * mean / (tf.sqrt(square) + EPSILON), mean, square
