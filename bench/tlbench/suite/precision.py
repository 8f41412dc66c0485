"""What lower precision costs: top-1 accuracy beside the reference engine's in single precision."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tl_core.conversion import converted
from tl_core.engines import REFERENCE
from tl_core.extractor import FeatureExtractor
from tl_core.feature_cache import key_of, pixels_digest
from tl_core.transfer import TransferModel

if TYPE_CHECKING:
    from pathlib import Path

    from tl_core.data import Split
    from tlbench.suite.job import Job

#: Share of the reference's accuracy that must be kept: MLPerf's rule.
LEAST_KEPT = 0.99
#: Images that are enough to tell; all of the quick workload's.
MOST_IMAGES = 5_000
FILE = "kept.json"


@dataclass(frozen=True)
class Kept:
    """Accuracies of two heads, trained alike on features of the same images.

    Attributes:
        accuracy: On the engine's features.
        reference: On the reference engine's, in single precision.
    """

    accuracy: float
    reference: float

    @property
    def share(self) -> float:
        """How much of the reference's accuracy is kept; above 1 where it is better by chance."""
        return self.accuracy / self.reference


def accuracy_kept(job: Job) -> Kept:
    """Accuracies of both, measured once for a job on a machine and kept."""
    extractor, workload = job.extractor, job.workload
    made_of = {
        **key_of(extractor, _head(job.data.train).images),
        "test": pixels_digest(_head(job.data.test).images),
        "labels": job.data.fingerprint,
        "batch_size": workload.batch_size,
        "seed": workload.seed,
        "format": "accuracy kept",
    }

    def write(folder: Path) -> None:
        kept = _measured(job)
        (folder / FILE).write_text(json.dumps(dataclasses.asdict(kept)), encoding="utf-8")

    return Kept(**json.loads((converted(made_of, write) / FILE).read_text(encoding="utf-8")))


def _measured(job: Job) -> Kept:
    """Train and judge a head on each engine's features of the job's own images."""
    workload = job.workload
    reference = FeatureExtractor(
        workload.model,
        engine=REFERENCE,
        image_size=job.extractor.image_size,
        # As many threads as TensorFlow has here already: accuracy doesn't depend on them.
        threads=None,
        device=workload.device,
    )
    return Kept(_accuracy(job, job.extractor), _accuracy(job, reference))


def _head(split: Split) -> Split:
    return split.head(min(len(split), MOST_IMAGES))


def _accuracy(job: Job, extractor: FeatureExtractor) -> float:
    train, test = _head(job.data.train), _head(job.data.test)
    model = TransferModel(extractor, job.data.class_names, seed=job.workload.seed)
    batch_size = job.workload.batch_size
    model.fit(train.images, train.labels, batch_size=batch_size, track="cached")
    return model.evaluate(test.images, test.labels, batch_size=batch_size).accuracy


def check_kept(kept: Kept, precision: str) -> None:
    """Refuse a precision that loses accuracy on this machine.

    Raises:
        AssertionError: It keeps less than ``LEAST_KEPT``.
    """
    assert kept.share >= LEAST_KEPT, (
        f"{precision} keeps {kept.share:.2%} of the accuracy ({kept.accuracy:.4f} of "
        f"{kept.reference:.4f}), expected at least {LEAST_KEPT:.0%}"
    )
