"""The same job as others do it: the tutorial's procedure, and Keras as its guides have it.

Written afresh, as their authors would run it on a CPU; baselines for this suite's own pipeline.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from tlbench.suite.tutorial_engine import client

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

    from tl_core.data import DataSet, Split


@dataclass(frozen=True)
class Outcome:
    """One run of the job.

    Attributes:
        prepare_s: Seconds of resizing before training.
        train_s: Of building the model and one epoch, with whatever these copy and resize.
        evaluate_s: Of the test images.
        accuracy: Top-1 on the test images, 0 to 1.
    """

    prepare_s: float
    train_s: float
    evaluate_s: float
    accuracy: float


def tutorial(module: Path, data: DataSet, *, size: int, batch_size: int, seed: int) -> Outcome:
    """The tutorial's procedure: all images at full size in memory as float64, Keras's fit.

    Takes about 1.2 MB for each 224-pixel image, twice while the list becomes an array.

    Args:
        module: The feature extractor's SavedModel folder.
        data: What is learned and judged.
        size: Side that images are resized to in pixels.
        batch_size: Images a step.
        seed: Of the head's start and the shuffling.
    """
    start = perf_counter()
    train, test = (_as_float64(split, size) for split in (data.train, data.test))
    prepare_s = perf_counter() - start
    options = {"batch_size": batch_size}
    return _run(
        lambda: _compiled(module, len(data.class_names), size, seed),
        ((train, data.train.labels), options),
        ((test, data.test.labels), options),
        prepare_s,
    )


def keras(module: Path, data: DataSet, *, size: int, batch_size: int, seed: int) -> Outcome:
    """What Keras's guides on transfer learning advise: a tf.data pipeline that resizes and feeds.

    It resizes by tf.image's Lanczos, in float32 and without Pillow's rounding.

    Args:
        module: The feature extractor's SavedModel folder.
        data: What is learned and judged.
        size: Side that images are resized to in pixels.
        batch_size: Images a step.
        seed: Of the head's start and the shuffling.
    """
    return _run(
        lambda: _compiled(module, len(data.class_names), size, seed),
        ((_pipeline(data.train, size, batch_size, seed),), {}),
        ((_pipeline(data.test, size, batch_size, None),), {}),
        0.0,
    )


PROCEDURES: dict[str, Callable[..., Outcome]] = {"tutorial": tutorial, "keras": keras}


def _run(
    build: Callable[[], Any],
    train: tuple[tuple[Any, ...], dict[str, Any]],
    test: tuple[tuple[Any, ...], dict[str, Any]],
    prepare_s: float,
) -> Outcome:
    """Build a Keras model, fit it for an epoch, evaluate it."""
    start = perf_counter()
    model = build()
    (arrays, options), (held, held_options) = train, test
    model.fit(*arrays, epochs=1, verbose=0, **options)
    trained = perf_counter()
    _, accuracy = model.evaluate(*held, verbose=0, **held_options)
    return Outcome(prepare_s, trained - start, perf_counter() - trained, float(accuracy))


def _as_float64(split: Split, size: int) -> NDArray[np.float64]:
    pictures = []
    for image in split.images.take(range(len(split))):
        picture = Image.fromarray(image).resize((size, size), Image.Resampling.LANCZOS)
        pictures.append(np.array(picture) / 255.0)
    return np.array(pictures)


def _compiled(module: Path, classes: int, size: int, seed: int) -> Any:  # noqa: ANN401 - Keras's
    import tf_keras

    tf_keras.utils.set_random_seed(seed)
    model = tf_keras.Sequential(
        [
            client().KerasLayer(str(module), input_shape=(size, size, 3), trainable=False),
            tf_keras.layers.Dense(classes, activation="softmax"),
        ]
    )
    model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def _pipeline(split: Split, size: int, batch_size: int, seed: int | None) -> Any:  # noqa: ANN401
    import tensorflow as tf

    def prepared(image: Any, label: Any) -> tuple[Any, Any]:  # noqa: ANN401 - tensors
        resized = tf.image.resize(image, (size, size), method="lanczos3")
        return tf.clip_by_value(resized, 0, 255) / 255.0, label

    pixels = np.stack(split.images.take(range(len(split))))
    data = tf.data.Dataset.from_tensor_slices((pixels, split.labels))
    if seed is not None:
        data = data.shuffle(len(split), seed=seed)
    data = data.map(prepared, num_parallel_calls=tf.data.AUTOTUNE)
    return data.batch(batch_size).prefetch(tf.data.AUTOTUNE)
