"""Who trains a head: on a GPU TensorFlow; on the CPU TensorFlow or, on features alone, NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tl_core.device_trainer import DeviceTrainer
from tl_core.engines.names import has_runtime
from tl_core.engines.protocol import ChunkedNetwork
from tl_core.feature_training import train_beside_extraction
from tl_core.head import ArrayTrainer
from tl_core.streaming import resized_batches
from tl_core.tensorflow_trainer import TensorFlowTrainer
from tl_core.training import train

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    import numpy as np
    from numpy.typing import NDArray

    from tl_core.extractor import FeatureExtractor
    from tl_core.head import Head
    from tl_core.sources import ImageSource
    from tl_core.training import Inputs, Trainer


def trainer_for(
    head: Head, extractor: FeatureExtractor, *, learning_rate: float, fine_tune: bool
) -> Trainer:
    """A trainer of a head, and of the extractor, too, when fine-tuning, with a fresh Adam.

    Beside a GPU, a head alone is trained there. On the CPU, where another runtime runs the network,
    and on cached features, TensorFlow isn't loaded.
    """
    alone = extractor.device != "cpu" or extractor.cache or has_runtime(extractor.engine)
    if alone and not fine_tune:
        return feature_trainer(head, extractor, learning_rate=learning_rate)
    network = extractor.network
    return TensorFlowTrainer(
        head,
        learning_rate=learning_rate,
        device=network.device,
        backbone=network.module if fine_tune else None,
        image_size=network.image_size,
    )


def feature_trainer(head: Head, extractor: FeatureExtractor, *, learning_rate: float) -> Trainer:
    """A trainer of a head on features, with a fresh Adam: on the extractor's GPU, or in NumPy."""
    if extractor.device == "cpu":
        return ArrayTrainer(head, learning_rate=learning_rate)
    return DeviceTrainer(head, learning_rate=learning_rate, device=extractor.network.device)


def train_on_images(
    trainer: Trainer,
    labels: NDArray[np.int64],
    epochs: int,
    seed: int,
    *,
    extractor: FeatureExtractor,
    source: ImageSource,
    batch_size: int,
    fine_tune: bool,
) -> list[float]:
    """Train on images, resized and extracted anew in each epoch; the mean loss of each, in nats."""
    if isinstance(trainer, DeviceTrainer) and isinstance(extractor.network, ChunkedNetwork):
        return train_beside_extraction(
            trainer,
            labels,
            epochs,
            seed,
            network=extractor.network,
            source=source,
            batch_size=batch_size,
            method=extractor.resize,
        )
    inputs = _inputs_of(extractor, source, batch_size, fine_tune=fine_tune)
    return train(trainer, inputs, labels, epochs, seed)


def _inputs_of(
    extractor: FeatureExtractor, source: ImageSource, batch_size: int, *, fine_tune: bool
) -> Inputs:
    """Features of images, extracted anew in each epoch; when fine-tuning, resized images."""

    def inputs(order: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[Any]]]:
        if not fine_tune:
            return extractor.batches(source, order, batch_size=batch_size)
        size, method = extractor.image_size, extractor.resize
        return resized_batches(source, order, size, batch_size=batch_size, method=method)

    return inputs
