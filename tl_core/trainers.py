"""Who trains a head, and on what: TensorFlow beside a network that it runs, NumPy on features."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tl_core.engines.names import has_runtime
from tl_core.head import ArrayTrainer
from tl_core.streaming import resized_batches
from tl_core.tensorflow_trainer import TensorFlowTrainer

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

    Where another runtime runs the network, and on cached features, TensorFlow isn't loaded.
    """
    if not fine_tune and (extractor.cache or has_runtime(extractor.engine)):
        return ArrayTrainer(head, learning_rate=learning_rate)
    network = extractor.network
    return TensorFlowTrainer(
        head,
        learning_rate=learning_rate,
        device=network.device,
        backbone=network.module if fine_tune else None,
        image_size=network.image_size,
    )


def inputs_of(
    extractor: FeatureExtractor, source: ImageSource, batch_size: int, *, fine_tune: bool
) -> Inputs:
    """Features of images, extracted anew in each epoch; when fine-tuning, resized images."""

    def inputs(order: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.int64], NDArray[Any]]]:
        if not fine_tune:
            return extractor.batches(source, order, batch_size=batch_size)
        size, method = extractor.image_size, extractor.resize
        return resized_batches(source, order, size, batch_size=batch_size, method=method)

    return inputs
