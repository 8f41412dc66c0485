"""Tiny models of forms that people have: each computes the mean colour times a kernel."""

from __future__ import annotations

import numpy as np

KERNEL = np.random.default_rng(3).normal(size=(3, 5)).astype(np.float32)
IMAGES = np.random.default_rng(2).random((3, 4, 4, 3), dtype=np.float32)
EXPECTED = IMAGES.mean((1, 2)) @ KERNEL
SIDE = 4


def features(images):
    """Of float images ``(n, h, w, 3)``: float32 ``(n, 5)``."""
    import tensorflow as tf

    return tf.matmul(tf.reduce_mean(tf.cast(images, tf.float32), (1, 2)), KERNEL)


def save(folder, function, shape=(None, SIDE, SIDE, 3), dtype="float32", signatures=None):
    """Write a SavedModel of ``function(images)``: callable, or with signatures of these names."""
    import tensorflow as tf

    module = tf.train.Checkpoint()
    spec = tf.TensorSpec(shape, dtype, name="images")
    run = tf.function(function, input_signature=[spec], autograph=False)
    if signatures is None:
        module.__call__ = run
        tf.saved_model.save(module, str(folder))
    else:
        concrete = run.get_concrete_function()
        tf.saved_model.save(module, str(folder), signatures=dict.fromkeys(signatures, concrete))
    return folder


def scaled(scale, offset=0.0):
    """A function whose graph begins by scaling its images, for ``save``."""
    return lambda images: features(images * np.float32(scale) + np.float32(offset))
