"""A workload made real: its data, its extractor, and the features extracted so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from tl_core.devices import usable_cpus
from tl_core.transfer import TransferModel

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from bench.workloads import Workload
    from tl_core.data import DataSet
    from tl_core.extractor import FeatureExtractor

#: Batches that the pilot times, after the first call.
PILOT_BATCHES = 2


@dataclass
class Job:
    """What the benchmark tests of one run share.

    Attributes:
        workload: What is run.
        data: The data set at the workload's sizes.
        extractor: The frozen backbone.
        load_s: Seconds to load the model, converting or downloading it where that was needed.
        first_call_s: Seconds of the first batch, which traces the graph.
        pilot_images_per_s: The extractor's rate in a short pilot.
    """

    workload: Workload
    data: DataSet
    extractor: FeatureExtractor
    load_s: float
    first_call_s: float
    pilot_images_per_s: float
    _parts: list[NDArray[np.float32]] = field(default_factory=list)
    _test_features: NDArray[np.float32] | None = None

    @property
    def threads(self) -> int:
        """Threads of one operation."""
        return self.workload.threads or usable_cpus()

    def keep_features(
        self, test: NDArray[np.float32], train_parts: tuple[NDArray[np.float32], ...]
    ) -> None:
        """Keep what timed extraction returned: test images first, then training images."""
        self._test_features = test
        self._parts = list(train_parts)

    def train_features(self) -> NDArray[np.float32]:
        """float32 ``(train, d)``; what timed rounds left out is extracted now."""
        images, done = self.data.train.images, sum(map(len, self._parts))
        if done < len(images):
            rest = images.pick(range(done, len(images)))
            self._parts.append(self.extractor.extract(rest, batch_size=self.workload.batch_size))
        self._parts = [np.concatenate(self._parts)]
        return self._parts[0]

    def test_features(self) -> NDArray[np.float32]:
        """float32 ``(test, d)``; extracted now unless timed extraction did so."""
        if self._test_features is None:
            images = self.data.test.images
            self._test_features = self.extractor.extract(
                images, batch_size=self.workload.batch_size
            )
        return self._test_features

    def forget_features(self) -> None:
        """Free the features, so that a stage that doesn't need them has a peak of its own."""
        self._parts, self._test_features = [], None

    def new_model(self) -> TransferModel:
        """An untrained head on the extractor, with its training step traced."""
        model = TransferModel(self.extractor, self.data.class_names, seed=self.workload.seed)
        model.compile()
        return model


def open_data(workload: Workload, *, download: bool = False) -> DataSet:
    """The workload's data set at its sizes.

    Raises:
        DataError: Absent, or smaller than asked for.
    """
    from tl_core.data import load_data

    data = load_data(workload.data, download=download, seed=workload.seed)
    return data.head(workload.train_size, workload.test_size)


def open_job(workload: Workload, data: DataSet) -> Job:
    """Load the model, run it for the first time, and pilot its rate.

    Raises:
        ModelError, DeviceError: As for ``FeatureExtractor``.
    """
    from tl_core.extractor import FeatureExtractor

    start = perf_counter()
    extractor = FeatureExtractor(
        workload.model,
        engine=workload.engine,
        image_size=workload.image_size,
        device=workload.device,
        threads=workload.threads or usable_cpus(),
    )
    loaded = perf_counter()
    size = workload.batch_size
    extractor.extract(data.train.images.head(size), batch_size=size)
    called = perf_counter()
    pilot = data.train.images.head(size * PILOT_BATCHES)
    extractor.extract(pilot, batch_size=size)
    rate = len(pilot) / (perf_counter() - called)
    return Job(workload, data, extractor, loaded - start, called - loaded, rate)
