"""A workload made real: its data, its extractor, and the features extracted so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from tl_core.devices import usable_cpus
from tl_core.resize import resize_batch
from tl_core.transfer import TransferModel
from tlbench.machine.noise import NoiseMeter
from tlbench.suite.floors import SEEDS
from tlbench.suite.flops import multiply_adds
from tlbench.suite.peak import peak_here
from tlbench.suite.precision import Kept, accuracy_kept
from tlbench.timing.energy import EnergyMeter
from tlbench.timing.reference import ReferenceKernel
from tlbench.timing.rounds import Instruments

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tl_core.data import DataSet
    from tl_core.extractor import FeatureExtractor
    from tl_core.sources import ImageSource
    from tlbench.suite.workloads import Workload

#: Batches that the pilot times, after the first call.
PILOT_BATCHES = 4
#: Parts that the training set is cut into for rounds of extraction.
PARTS = 5


@dataclass(frozen=True)
class Pilot:
    """What a short look at the job tells, for planning.

    Attributes:
        images_per_s: Rate of extraction.
        resized_per_s: Rate of resizing alone.
        compile_s: Seconds to make a new head and trace its training step.
    """

    images_per_s: float
    resized_per_s: float
    compile_s: float


@dataclass
class Job:
    """What the benchmark tests of one run share.

    Attributes:
        workload: What is run.
        data: The data set at the workload's sizes.
        extractor: The frozen backbone.
        load_s: Seconds to load the model, converting or downloading it where that was needed.
        first_call_s: Seconds of the first batch, which traces the graph.
        pilot: What a short look at the job told.
        instruments: What stands beside the rounds.
        multiply_adds: Of the extractor for one image; None where its graph can't be counted.
        peak_gflops_per_s: This machine's float32 matrix multiply, measured now; None on a GPU.
    """

    workload: Workload
    data: DataSet
    extractor: FeatureExtractor
    load_s: float
    first_call_s: float
    pilot: Pilot
    instruments: Instruments
    multiply_adds: int | None = None
    peak_gflops_per_s: float | None = None
    _parts: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    _test_features: NDArray[np.float32] | None = None

    @property
    def threads(self) -> int:
        """Threads of one operation."""
        return self.workload.threads or usable_cpus()

    @property
    def network(self) -> dict[str, Any]:
        """How other networks of this run are opened: ``auto`` chose once, and isn't asked again."""
        return self.workload.network | {"threads": self.threads, "engine": self.extractor.engine}

    def part(self, number: int) -> ImageSource:
        """Part ``number`` of the training images, counted round; all parts are as large."""
        size = self.part_size
        first = (number % PARTS) * size % len(self.data.train)
        indices = (np.arange(size) + first) % len(self.data.train)
        return self.data.train.images.pick(indices)

    @property
    def part_size(self) -> int:
        """Images in a part."""
        return max(1, len(self.data.train) // PARTS)

    def keep_part(self, number: int, features: NDArray[np.float32]) -> None:
        """Keep features that a round extracted, so that nothing is extracted twice untimed."""
        self._parts[number % PARTS] = features

    def train_features(self) -> NDArray[np.float32]:
        """float32 ``(train, d)``; what rounds left out is extracted now."""
        images = self.data.train.images
        features = np.empty((len(images), self.extractor.feature_size), np.float32)
        missing = np.ones(len(images), bool)
        for number, part in self._parts.items():
            place = slice(number * self.part_size, (number + 1) * self.part_size)
            if place.stop <= len(images):
                features[place], missing[place] = part, False
        rest = np.flatnonzero(missing)
        if len(rest):
            features[rest] = self._extract(images.pick(rest))
        return features

    def test_features(self) -> NDArray[np.float32]:
        """float32 ``(test, d)``; extracted now unless timed extraction did so."""
        if self._test_features is None:
            self._test_features = self._extract(self.data.test.images)
        return self._test_features

    def _extract(self, images: ImageSource) -> NDArray[np.float32]:
        return self.extractor.extract(images, batch_size=self.workload.batch_size)

    @cached_property
    def kept(self) -> Kept | None:
        """What lower precision keeps of the accuracy; None in single precision."""
        return None if self.workload.precision == "fp32" else accuracy_kept(self)

    def forget_features(self) -> None:
        """Free the features, so that a stage that doesn't need them has a peak of its own."""
        self._parts, self._test_features = {}, None

    def seed(self, number: int) -> int:
        """The seed of round ``number``: the workload's in the first, another in each further one.

        Only of those that floors are derived from, so that every round can be held to them.
        """
        return self.workload.seed + number % SEEDS

    def new_model(self, number: int = 0) -> TransferModel:
        """An untrained head for round ``number``, with its training step traced."""
        model = TransferModel(self.extractor, self.data.class_names, seed=self.seed(number))
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


def open_job(workload: Workload, data: DataSet, *, probe: bool = True) -> Job:
    """Load the model, run it for the first time, and pilot its rate.

    Args:
        workload: What is run.
        data: Its data set.
        probe: Whether to measure the machine's peak, which takes a second or two.

    Raises:
        ModelError, DeviceError: As for ``FeatureExtractor``.
    """
    from tl_core.extractor import FeatureExtractor

    threads = workload.threads or usable_cpus()
    start = perf_counter()
    extractor = FeatureExtractor(
        workload.model,
        image_size=workload.image_size,
        **workload.network | {"threads": threads},
    )
    loaded = perf_counter()
    extractor.extract(data.train.images.head(workload.batch_size), batch_size=workload.batch_size)
    called = perf_counter()
    peak = peak_here(threads) if probe and workload.device == "cpu" else None
    return Job(
        workload,
        data,
        extractor,
        load_s=loaded - start,
        first_call_s=called - loaded,
        pilot=_pilot(workload, data, extractor),
        instruments=Instruments(ReferenceKernel(threads).run, NoiseMeter(), EnergyMeter()),
        multiply_adds=_multiply_adds(extractor),
        peak_gflops_per_s=peak.best if peak else None,
    )


def _multiply_adds(extractor: FeatureExtractor) -> int | None:
    # Of the model's own graph, whatever an engine made of it.
    counted = multiply_adds(extractor.module, extractor.image_size)
    # Part of a network is no figure for the whole.
    return None if counted.uncounted else counted.total


def _pilot(workload: Workload, data: DataSet, extractor: FeatureExtractor) -> Pilot:
    images = data.train.images.head(workload.batch_size * PILOT_BATCHES)
    start = perf_counter()
    extractor.extract(images, batch_size=workload.batch_size)
    extracted = perf_counter()
    resize_batch(images.take(range(len(images))), extractor.image_size)
    resized = perf_counter()
    TransferModel(extractor, data.class_names).compile()  # the first one sets TensorFlow up
    set_up = perf_counter()
    TransferModel(extractor, data.class_names).compile()
    compiled = perf_counter()
    return Pilot(
        images_per_s=len(images) / (extracted - start),
        resized_per_s=len(images) / (resized - extracted),
        compile_s=compiled - set_up,
    )
