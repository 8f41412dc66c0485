"""What lower precision costs: top-1 accuracy beside the reference engine's in single precision."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tl_core.conversion import cached_json
from tl_core.engines import REFERENCE
from tl_core.extractor import FeatureExtractor
from tl_core.feature_cache import feature_facts
from tl_core.transfer import TransferModel

if TYPE_CHECKING:
    from tl_core.data import DataSet
    from tlbench.suite.workloads import Workload

#: Share of the reference's accuracy that a precision must reach: MLPerf's rule.
LEAST_SHARE = 0.99
#: Images of each split that are enough for it; all of the quick workload's.
MOST_IMAGES = 5_000


@dataclass(frozen=True)
class PrecisionAccuracy:
    """Accuracies of two heads, trained alike on features of the same images.

    One is on the engine's features, ``reference`` on the reference engine's in single precision.
    """

    accuracy: float
    reference: float

    @property
    def share(self) -> float:
        """Of the reference's accuracy; above 1 where this one is better by chance."""
        return self.accuracy / self.reference


def precision_accuracy(
    extractor: FeatureExtractor, data: DataSet, workload: Workload
) -> PrecisionAccuracy:
    """Measure both accuracies on the workload's own first images; cached by machine and inputs."""
    first = data.head(min(len(data.train), MOST_IMAGES), min(len(data.test), MOST_IMAGES))
    inputs = {
        **feature_facts(extractor.facts, first.train.images),
        "data": first.fingerprint,
        "batch_size": workload.batch_size,
        "seed": workload.seed,
        "format": "precision accuracy, 3",
    }

    measured = cached_json(inputs, lambda: dataclasses.asdict(_measure(extractor, first, workload)))
    return PrecisionAccuracy(**measured)


def _measure(extractor: FeatureExtractor, data: DataSet, workload: Workload) -> PrecisionAccuracy:
    reference = FeatureExtractor(
        workload.model,
        engine=REFERENCE,
        image_size=extractor.image_size,
        # As many threads as TensorFlow has here already: accuracy doesn't depend on them.
        threads=None,
        device=workload.device,
        chunk=None if workload.device == "cpu" else getattr(extractor.network, "chunk", None),
        **workload.reading,
    )
    accuracies = []
    for each in (extractor, reference):
        model = TransferModel(each, data.class_names, seed=workload.seed)
        train, test, batch_size = data.train, data.test, workload.batch_size
        model.fit(train.images, train.labels, batch_size=batch_size, track="cached")
        accuracies.append(model.evaluate(test.images, test.labels, batch_size=batch_size).accuracy)
    return PrecisionAccuracy(*accuracies)


def check_precision(result: PrecisionAccuracy, precision: str) -> None:
    """Refuse, with an AssertionError, a precision that loses accuracy on this machine."""
    assert result.share >= LEAST_SHARE, (
        f"{precision} has {100 * result.share:.2f} % of the accuracy of single precision "
        f"({result.accuracy:.4f} of {result.reference:.4f}), "
        f"expected at least {100 * LEAST_SHARE:.0f} %"
    )
