"""What ``bench.studies.gpu`` measures: each part runs in a process of its own."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.studies.options import as_workload
from tl_core.data import Split
from tl_core.devices import gpu_names, select_devices
from tl_core.engines.device_network import most_at_once
from tl_core.engines.protocol import ChunkedNetwork
from tl_core.extractor import FeatureExtractor
from tl_core.graph_resampling import graph_resample
from tl_core.resampling import FILTERS
from tl_core.resize import resize_batch
from tl_core.sources import ArraySource
from tl_core.transfer import TransferModel
from tlbench.machine.probe_tensorflow_gpu import probe_gpu
from tlbench.suite.flops import multiply_adds
from tlbench.suite.loaded_workload import open_data
from tlbench.suite.precision import precision_accuracy

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.studies.fresh import Task
    from tl_core.data import DataSet
    from tl_core.models.untyped import Tensor
    from tlbench.suite.workloads import Workload

#: Sides in pixels that images are resized to when that is checked, test images for that, and images
#: of one call.
SIDES, CHECKED, CALL = (96, 224), 1_000, 500
#: Timed turns of each chunk, which alternate, and the least number of calls in each.
TURNS, CALLS = 3, 6
#: Whole jobs, and epochs on cached features. The first of each traces and compiles.
JOBS, EPOCHS = 3, 6


@dataclass(frozen=True)
class Sizes:
    """How much is measured.

    Attributes:
        chunks: Images that a GPU runs at once.
        images: Of each timed extraction, at least; ``CALLS`` full calls are, too.
        train: Training images of the whole job and of cached training.
        test: Test images of the whole job.
        suite_s: Budget of ``pytest --benchmark``.
    """

    chunks: tuple[int, ...] = (32, 128, 512, 2048)
    images: int = 20_480
    train: int = 30_000
    test: int = 10_000
    suite_s: int = 90


def repeated(split: Split, count: int) -> Split:
    """So many images of a split, the same again and again, in memory."""
    places = np.arange(count) % len(split)
    return Split(ArraySource(np.stack(split.images.take(places))), split.labels[places])


def resizing(*, options: Task, **_: object) -> Task:
    """How many values differ from Pillow's where a GPU resizes test images, by side and filter."""
    workload = as_workload(options)
    test = open_data(workload).test
    images = np.stack(test.images.take(np.arange(min(len(test), CHECKED))))
    name = select_devices(workload.device).names[0]
    differing = {
        f"{side} {method}": _differing(images, side, method, name)
        for side in SIDES
        for method in FILTERS
    }
    return {"images": len(images), "differing values": differing}


def _differing(
    images: np.ndarray[Any, np.dtype[np.uint8]], side: int, method: str, name: str
) -> int:
    import tensorflow as tf

    def resize(part: Tensor) -> Tensor:
        with tf.device(name):
            return graph_resample(part, side, side, method)

    graph = tf.function(
        resize, input_signature=[tf.TensorSpec((None, *images.shape[1:]), tf.uint8)]
    )
    count = 0
    for first in range(0, len(images), CALL):
        part = images[first : first + CALL]
        count += int((graph(tf.constant(part)).numpy() != resize_batch(part, side, method)).sum())
    return count


def rates(*, options: Task, sizes: Task, engine: str, precision: str, limit_s: float) -> Task:
    """An engine in a precision: what it keeps of the accuracy, and its rate at each chunk."""
    start = perf_counter()
    first = str(sizes["chunks"][0])  # all are timed here, so that no pilot is needed
    workload = as_workload(options, engine=engine, precision=precision, chunk=first)
    data, loading = open_data(workload), perf_counter()
    extractor = _extractor(workload)
    load_s, opened = perf_counter() - loading, extractor.opened
    share = None if precision == "fp32" else precision_accuracy(extractor, data, workload).share
    by_chunk = _by_chunk(extractor, data.train, sizes, start + limit_s)
    counted = multiply_adds(extractor.module, extractor.image_size)
    return {
        "load_s": load_s,
        "cosine": opened.equivalence.cosine if opened.equivalence else None,
        "top1_agreement": opened.equivalence.agreement if opened.equivalence else None,
        "accuracy_kept": share,
        "images_per_s": by_chunk,
        "gflop_an_image": None if counted.uncounted else 2 * counted.total / 1e9,
    }


def _by_chunk(
    extractor: FeatureExtractor, train: Split, sizes: Task, end: float
) -> dict[str, list[float]]:
    """Rates of each chunk until ``end``; of those that a GPU's memory holds."""
    network = _chunked(extractor)
    most = most_at_once(network.image_size)
    possible = [each for each in sizes["chunks"] if each <= most] or [most]
    by_chunk: dict[str, list[float]] = {str(each): [] for each in possible}
    for turn in range(TURNS + 1):  # in the first, kernels are chosen or compiled
        for chunk in possible[:: -1 if turn % 2 else 1]:
            if perf_counter() > end:
                return by_chunk
            network.chunk = chunk
            calls = max(CALLS, sizes["images"] // network.images_per_call)
            images = repeated(train, calls * network.images_per_call).images
            start = perf_counter()
            extractor.extract(images, batch_size=chunk)
            seconds = perf_counter() - start
            if network.chunk < chunk:  # it was halved
                possible.remove(chunk)
            elif turn:
                by_chunk[str(chunk)].append(len(images) / seconds)
    return by_chunk


def _chunked(extractor: FeatureExtractor) -> ChunkedNetwork:
    network = extractor.network
    assert isinstance(network, ChunkedNetwork)  # noqa: S101 - on GPUs all are
    return network


def job(*, options: Task, sizes: Task) -> Task:
    """The tutorial's job after loading: an epoch of training and all test images."""
    workload = as_workload(options)
    data = _whole(open_data(workload), sizes)
    start = perf_counter()
    extractor = _extractor(workload)
    loaded = perf_counter() - start
    runs = []
    for seed in range(JOBS):
        start = perf_counter()
        model = TransferModel(extractor, data.class_names, seed=seed)
        model.fit(data.train.images, data.train.labels, batch_size=workload.batch_size)
        trained = perf_counter()
        accuracy = model.evaluate(data.test.images, data.test.labels).accuracy
        end = perf_counter()
        parts = {"train_s": trained - start, "evaluate_s": end - trained, "accuracy": accuracy}
        runs.append({"seconds": end - start, **parts})
    about = {"engine": extractor.engine, "chunk": _chunked(extractor).chunk}
    return {"load_s": loaded, "runs": runs, **about, **_sizes(data)}


def cached(*, options: Task, sizes: Task) -> Task:
    """Epochs of training on features that lie on the GPU."""
    workload = as_workload(options)
    data = _whole(open_data(workload), sizes)
    extractor = _extractor(workload)
    features = extractor.extract_to_device(data.train.images)
    model = TransferModel(extractor, data.class_names)
    epochs = []
    for _ in range(EPOCHS):
        start = perf_counter()
        model.fit_features(features, data.train.labels, batch_size=workload.batch_size)
        epochs.append(len(features) / (perf_counter() - start))
    accuracy = model.evaluate(data.test.images, data.test.labels).accuracy
    return {"images_per_s": epochs, "accuracy": accuracy, **_sizes(data)}


def peaks(*, options: Task, **_: object) -> Task:
    """Matrix multiplies in each precision, and memory bandwidth, of each GPU."""
    names = select_devices(as_workload(options).device).names
    return {"probes": [asdict(each) for name in names for each in probe_gpu(name)]}


def gpus(*, options: Task, **_: object) -> Task:
    """The machine's GPUs."""
    device = as_workload(options).device
    return {"devices": select_devices(device).names, "names": gpu_names(device)}


def _extractor(workload: Workload) -> FeatureExtractor:
    options = workload.network | workload.reading
    return FeatureExtractor(workload.model, image_size=workload.image_size, **options)


def _whole(data: DataSet, sizes: Task) -> DataSet:
    """The data at the whole job's sizes, repeated where they have fewer images."""
    train, test = repeated(data.train, sizes["train"]), repeated(data.test, sizes["test"])
    return replace(data, train=train, test=test)


def _sizes(data: DataSet) -> dict[str, object]:
    return {"data": data.name, "train": len(data.train), "test": len(data.test)}


TASKS: dict[str, Callable[..., Task]] = {
    each.__name__: each for each in (gpus, resizing, job, cached, rates, peaks)
}
