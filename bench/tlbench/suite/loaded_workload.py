"""A workload with its data, its extractor, and the features extracted so far."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

import tlbench.suite.tutorial_engine  # noqa: F401 - adds an engine
from tl_core.devices import set_threads, usable_cpus
from tl_core.engines.protocol import call_size
from tl_core.errors import DeviceError
from tl_core.transfer import TransferModel
from tlbench.machine.probe_tensorflow import product
from tlbench.machine.probes import Probe, matmul, matmul_numpy, peak
from tlbench.suite.floors import SEEDS
from tlbench.suite.flops import multiply_adds
from tlbench.suite.gpu_peaks import NO_PEAKS, Peaks, gpu_peaks
from tlbench.suite.precision import PrecisionAccuracy, precision_accuracy
from tlbench.suite.readable import readable_data
from tlbench.suite.traffic import Traffic, traffic_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tl_core.data import DataSet
    from tl_core.extractor import FeatureExtractor
    from tl_core.sources import ImageSource
    from tlbench.suite.workloads import Workload

#: Parts that the training set is cut into for rounds of extraction.
PARTS = 5


@dataclass
class LoadedWorkload:
    """What the benchmark tests of one run share.

    Attributes:
        options: What is run.
        data: The data set at the workload's sizes.
        extractor: The frozen backbone.
        load_s: Seconds to load the model, converting or downloading it where that was needed.
        first_call_s: Seconds of the first call, of as many images as later ones; it traces the
            graph.
        multiply_adds: Of the extractor for one image; None where its graph can't be counted.
        traffic: What it moves in memory; None where its graph can't be counted.
        peaks: What the device can do at most, measured now.
    """

    options: Workload
    data: DataSet
    extractor: FeatureExtractor
    load_s: float
    first_call_s: float
    multiply_adds: int | None = None
    traffic: Traffic | None = None
    peaks: Peaks = NO_PEAKS
    _parts: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    _test_features: NDArray[np.float32] | None = None

    @property
    def batch_size(self) -> int:
        """Images per step."""
        return self.options.batch_size

    @property
    def threads(self) -> int:
        """Threads of one operation."""
        return self.options.threads or usable_cpus()

    @property
    def network(self) -> dict[str, Any]:
        """How other networks of this run are opened: ``auto`` chooses an engine only once."""
        return self.options.network | {"threads": self.threads, "engine": self.extractor.engine}

    @cached_property
    def precision_accuracy(self) -> PrecisionAccuracy | None:
        """What lower precision costs; None in single precision."""
        if self.options.precision == "fp32":
            return None
        return precision_accuracy(self.extractor, self.data, self.options)

    @property
    def part_size(self) -> int:
        """Images in each part of the training set."""
        return max(1, len(self.data.train) // PARTS)

    def part(self, number: int) -> ImageSource:
        """Part ``number`` of the training images; after the last comes the first again."""
        first = (number % PARTS) * self.part_size
        indices = (np.arange(self.part_size) + first) % len(self.data.train)
        return self.data.train.images.pick(indices)

    def store_part(self, number: int, features: NDArray[np.float32]) -> None:
        """Store features that a round extracted, so that nothing is extracted twice untimed."""
        self._parts[number % PARTS] = features

    def train_features(self) -> NDArray[np.float32]:
        """float32 ``(train, d)``; parts that no round extracted are extracted now."""
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
        """float32 ``(test, d)``; extracted once."""
        if self._test_features is None:
            self._test_features = self._extract(self.data.test.images)
        return self._test_features

    def _extract(self, images: ImageSource) -> NDArray[np.float32]:
        return self.extractor.extract(images, batch_size=self.batch_size)

    def forget_features(self) -> None:
        """Free the features, so that a stage that doesn't need them has a peak of its own."""
        self._parts, self._test_features = {}, None

    def seed(self, number: int) -> int:
        """The seed of round ``number``: the workload's in the first, another in each further one.

        Only of those that floors are derived from, so that every round can be held to them.
        """
        return self.options.seed + number % SEEDS

    def new_model(self, number: int = 0) -> TransferModel:
        """An untrained head for round ``number``, with its training step traced."""
        model = TransferModel(self.extractor, self.data.class_names, seed=self.seed(number))
        model.compile()
        return model


def open_data(workload: Workload, *, download: bool = False) -> DataSet:
    """The workload's data set at its sizes; DataError where it is absent or smaller.

    Pictures that can't be read are left out.
    """
    from tl_core.data import load_data

    data = load_data(workload.data, download=download, seed=workload.seed)
    return readable_data(data.head(workload.train_size, workload.test_size), workload.image_size)


def load_workload(workload: Workload, data: DataSet, *, probe: bool = True) -> LoadedWorkload:
    """Load the model and run it for the first time.

    ``probe`` says whether to measure the device's peaks, which takes a second or two for each.
    """
    from tl_core.extractor import FeatureExtractor

    threads = workload.threads or usable_cpus()
    network = workload.network | workload.reading | {"threads": threads}
    start = perf_counter()
    extractor = FeatureExtractor(workload.model, image_size=workload.image_size, **network)
    loaded = perf_counter()
    first = data.train.images.head(call_size(extractor.network, workload.batch_size))
    extractor.extract(first, batch_size=workload.batch_size)
    called = perf_counter()
    peaks = measured_peaks(workload, threads) if probe else NO_PEAKS
    # Counted in the model's own graph, whatever an engine made of it.
    counted = multiply_adds(extractor.module, extractor.image_size)
    return LoadedWorkload(
        workload,
        data,
        extractor,
        load_s=loaded - start,
        first_call_s=called - loaded,
        # Part of a network is no figure for the whole.
        multiply_adds=None if counted.uncounted else counted.total,
        traffic=traffic_of(counted),
        peaks=peaks,
    )


def measured_peaks(workload: Workload, threads: int) -> Peaks:
    """What the workload's device can do at most: float32 on the CPU, its own precision on GPUs."""
    if workload.device != "cpu":
        return gpu_peaks(workload.device, workload.precision)
    best = peak_here(threads)
    return Peaks(best.best, "fp32") if best else NO_PEAKS


def peak_here(threads: int) -> Probe | None:
    """The faster of NumPy's and TensorFlow's float32 matrix multiply, with the engine's threads.

    Measured beside the rounds that are shown as a share of it: minutes earlier the machine may
    have been faster or slower. None where others had so much of the CPUs that it is no peak.
    """
    probes = [matmul_numpy(threads)]
    try:
        set_threads(threads)  # beside another engine it may have all
        probes.append(matmul(product, "tensorflow", threads))
    except DeviceError:  # it runs already, with another number: no peak of this one
        pass
    best = peak(probes, threads)
    return None if best is None or best.disturbed else best
