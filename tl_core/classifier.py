"""An ImageNet classifier: any picture in, labels out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tl_core.engines import REFERENCE, NetworkSettings, open_model
from tl_core.errors import ModelError
from tl_core.extractor import DEFAULT_MODEL
from tl_core.head import softmax
from tl_core.labels import imagenet_labels
from tl_core.models.requirement import are_probabilities
from tl_core.sources import as_source
from tl_core.streaming import BATCH_SIZE, run_network

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Prediction:
    """A possible class of an image: label, probability (0 to 1), index among the outputs."""

    label: str
    probability: float
    index: int


class ImageClassifier:
    """A Hub classifier with its label set.

    Args:
        handle: As for ``FeatureExtractor``; Hub calls this form ``classification``.
        labels: Class names in output order; None takes ImageNet's, with "background" first where
            the model has 1001 outputs. With labels, the model may have any number of outputs.
        engine, image_size, device, threads, precision, workers, chunk, input_range, layer, trust:
            As for ``FeatureExtractor``.
        fallback_size: Side of the square input in pixels if the model has none of its own.

    Raises:
        ModelError: The handle can't be resolved, names a feature extractor, or the labels are not
            as many as the outputs.
    """

    def __init__(
        self,
        handle: str = DEFAULT_MODEL,
        *,
        labels: Sequence[str] | None = None,
        engine: str = REFERENCE,
        image_size: int | None = None,
        fallback_size: int | None = None,
        device: str = "cpu",
        threads: int | None = None,
        precision: str = "fp32",
        workers: int | None = None,
        chunk: int | None = None,
        input_range: str | None = None,
        layer: str | None = None,
        trust: bool = False,
    ) -> None:
        settings = NetworkSettings(
            image_size=image_size,
            fallback_size=fallback_size,
            device=device,
            threads=threads,
            classes=None if labels is None else len(labels),
            precision=precision,
            workers=workers,
            chunk=chunk,
            input_range=input_range,
            layer=layer,
            trust=trust,
        )
        self.handle = handle
        self.opened = open_model(handle, "logits", engine, settings)
        self.network = self.opened.network
        outputs = self.network.output_size
        self.labels = imagenet_labels(outputs) if labels is None else tuple(labels)

    def probabilities(self, images: object, *, batch_size: int = BATCH_SIZE) -> NDArray[np.float32]:
        """Class probabilities, float32 ``(n, classes)``, each row adding up to 1.

        Args:
            images: uint8 RGB ``(n, h, w, 3)``, a path, paths, or an ``ImageSource``.
            batch_size: Images per batch.
        """
        source, network = as_source(images), self.network
        outputs = run_network(network, source, batch_size=batch_size, description="classify")
        # If the model has a softmax, a second one would flatten the probabilities unnoticed.
        return outputs if are_probabilities(outputs) else softmax(outputs)[0]

    def classify(
        self, images: object, *, top: int = 5, batch_size: int = BATCH_SIZE
    ) -> list[list[Prediction]]:
        """The ``top`` most probable classes of each image, most probable first."""
        if not 1 <= top <= len(self.labels):
            raise ModelError(f"top {top}: expected 1 to {len(self.labels)}")
        rows = self.probabilities(images, batch_size=batch_size)
        return most_probable(rows, self.labels, top)


def most_probable(
    rows: NDArray[np.float32], labels: Sequence[str], top: int
) -> list[list[Prediction]]:
    """The ``top`` most probable classes of each row ``(n, classes)``, most probable first."""
    best = np.argsort(-rows, axis=1, kind="stable")[:, :top]
    return [
        [Prediction(labels[i], float(row[i]), int(i)) for i in indices]
        for row, indices in zip(rows, best, strict=True)
    ]
