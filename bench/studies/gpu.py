"""Measure a machine with GPUs in at most eight minutes.

Run as ``python -m bench.studies.gpu FILE --results FOLDER`` with the suite's own options; see
``docs/gpus.md``. Each part runs in a fresh process, the most important one first, and FILE is
written again after each. Parts for which no time is left are named there, and so are those that
failed. With ``--stand-in`` CPUs stand for GPUs, and figures mean nothing.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from functools import partial
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.studies.files import write_json
from bench.studies.fresh import Task, run_fresh, study
from bench.studies.options import as_workload
from bench.studies.stand_in import stand_in
from tl_core.data import Split
from tl_core.devices import gpu_names, select_devices
from tl_core.engines.device_network import most_at_once
from tl_core.engines.names import ENGINES, is_installed
from tl_core.engines.protocol import ChunkedNetwork
from tl_core.extractor import FeatureExtractor
from tl_core.graph_resampling import graph_resample
from tl_core.resampling import FILTERS
from tl_core.resize import resize_batch
from tl_core.sources import ArraySource
from tl_core.transfer import TransferModel
from tlbench.machine.probe_tensorflow_gpu import probe_gpu
from tlbench.report.table import lines_of, per_second
from tlbench.suite.flops import multiply_adds
from tlbench.suite.loaded_workload import open_data
from tlbench.suite.options import OPTIONS
from tlbench.suite.precision import precision_accuracy

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator, Sequence

    from tl_core.data import DataSet
    from tl_core.models.untyped import Tensor
    from tlbench.suite.workloads import Workload

MODULE = "bench.studies.gpu"
#: Sides in pixels that images are resized to when that is checked, test images for that, and images
#: of one call.
SIDES, CHECKED, CALL = (96, 224), 1_000, 500
#: Timed turns of each chunk, which alternate, and the least number of calls in each.
TURNS, CALLS = 3, 6
#: Whole jobs, and epochs on cached features. The first of each traces and compiles.
JOBS, EPOCHS = 3, 6
#: What the rates of each engine are measured in.
PRECISIONS = ("fp32", "bf16", "fp16")
#: Seconds that a part needs at least, and how many it gets at most.
LEAST_S, MOST_S = 30, 150
#: Share of its seconds after which a part that can be cut short begins nothing new.
SHARE = 0.7
#: Seconds that an interrupted suite has to write what it measured.
GRACE_S = 20


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


#: With ``--small``; and options of the suite that aren't given then.
SMALL = Sizes(chunks=(8, 16), images=48, train=96, test=32, suite_s=5)
SMALL_OPTIONS = {"image_size": "64", "train_size": "400", "test_size": "60", "chunk": "16"}


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
    kept = None if precision == "fp32" else precision_accuracy(extractor, data, workload).share
    by_chunk = _by_chunk(extractor, data.train, sizes, start + limit_s)
    counted = multiply_adds(extractor.module, extractor.image_size)
    return {
        "load_s": load_s,
        "cosine": opened.equivalence.cosine if opened.equivalence else None,
        "top1_agreement": opened.equivalence.agreement if opened.equivalence else None,
        "accuracy_kept": kept,
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
    found: dict[str, list[float]] = {str(each): [] for each in possible}
    for turn in range(TURNS + 1):  # in the first, kernels are chosen or compiled
        for chunk in possible[:: -1 if turn % 2 else 1]:
            if perf_counter() > end:
                return found
            network.chunk = chunk
            calls = max(CALLS, sizes["images"] // network.images_per_call)
            images = repeated(train, calls * network.images_per_call).images
            start = perf_counter()
            extractor.extract(images, batch_size=chunk)
            seconds = perf_counter() - start
            if network.chunk < chunk:  # it was halved
                possible.remove(chunk)
            elif turn:
                found[str(chunk)].append(len(images) / seconds)
    return found


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
    found = []
    for _ in range(EPOCHS):
        start = perf_counter()
        model.fit_features(features, data.train.labels, batch_size=workload.batch_size)
        found.append(len(features) / (perf_counter() - start))
    accuracy = model.evaluate(data.test.images, data.test.labels).accuracy
    return {"images_per_s": found, "accuracy": accuracy, **_sizes(data)}


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


def _task(*, stands_in: bool, part: str, **arguments: Any) -> Task:  # noqa: ANN401 - JSON
    """A part, in its own process."""
    if stands_in:
        stand_in()
    return TASKS[part](**arguments)


def suite(options: Task, sizes: Sizes, results: str, seconds: float, *, stands_in: bool) -> Task:
    """``pytest --benchmark``, whose result file stays in the folder ``results``.

    Interrupted in time, it writes what it has measured.
    """
    flags = {option.name: option.flag for option in OPTIONS} | {"workload": "--workload"}
    command = [
        *(sys.executable, "-m", "pytest", "--benchmark"),
        *(["-p", "bench.studies.stand_in"] if stands_in else []),
        *(word for name, text in options.items() for word in (flags[name], text)),
        *("--budget", str(int(min(sizes.suite_s, SHARE * seconds))), "--results", results),
    ]
    with subprocess.Popen(  # noqa: S603 - ours
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            printed, _ = process.communicate(timeout=seconds - GRACE_S)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGINT)
            try:
                printed, _ = process.communicate(timeout=GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
    return {"exit": process.returncode, "printed": printed.splitlines()[-30:]}


def parts(
    options: Task, sizes: Sizes, precisions: Sequence[str] = PRECISIONS
) -> Iterator[tuple[str, Task]]:
    """Names and tasks, the most important one first."""
    common = {"options": options, "sizes": asdict(sizes)}

    def cells(precision: str) -> Iterator[tuple[str, Task]]:
        for engine, about in ENGINES.items():
            if precision in about.precisions_on("gpu") and is_installed(engine):
                task = {"part": "rates", "engine": engine, "precision": precision}
                yield f"{engine} {precision}", task | common

    for name in ("gpus", "job", "cached"):
        yield name, {"part": name, **common}
    first, *others = precisions
    yield from cells(first)
    for name in ("suite", "peaks", "resizing"):
        yield name, {"part": name, **common}
    for each in others:
        yield from cells(each)


def run(arguments: argparse.Namespace, options: Task) -> Task:
    """Every part that there is time for."""
    end = perf_counter() + arguments.limit
    sizes = SMALL if arguments.small else Sizes()
    options = {"device": "gpu", **(SMALL_OPTIONS if arguments.small else {}), **options}
    outcome: Task = {"stands in": arguments.stand_in, "parts": {}, "failed": {}, "left out": []}

    def measured(task: Task, seconds: float) -> Task:
        stands_in = arguments.stand_in
        if task["part"] == "suite":
            return suite(options, sizes, arguments.results, seconds, stands_in=stands_in)
        if task["part"] == "rates":
            task = {**task, "limit_s": SHARE * seconds}
        return run_fresh(
            MODULE, {"name": "part", "stands_in": stands_in, **task}, timeout_s=seconds
        )

    for name, task in parts(options, sizes, arguments.precisions):
        _add(outcome, name, partial(measured, task), end - perf_counter())
        if name == "gpus" and name not in outcome["parts"]:
            raise SystemExit(outcome["failed"].get(name) or "--limit: no time for anything")
        if arguments.file:
            write_json(arguments.file, outcome)
    print("\n".join(table(outcome)))  # noqa: T201
    return outcome


def _add(outcome: Task, name: str, measure: Callable[[float], Task], left_s: float) -> None:
    """A part's figures, or why there are none."""
    if left_s < LEAST_S:
        outcome["left out"].append(name)
        return
    start = perf_counter()
    try:
        found = measure(min(left_s, MOST_S))
    except (RuntimeError, subprocess.TimeoutExpired) as error:
        why = outcome["failed"][name] = str(error).strip().splitlines()[-1][-1000:]
        print(f"{name}: failed: {why}", flush=True)  # noqa: T201
        return
    outcome["parts"][name] = found | {"took_s": perf_counter() - start}
    print(f"{name}: {outcome['parts'][name]}", flush=True)  # noqa: T201


def table(outcome: Task) -> list[str]:
    """Lines of engine, precision and chunk with their rates."""
    rows = [
        (*name.split(), chunk, per_second(median(found)), _kept(part["accuracy_kept"]))
        for name, part in outcome["parts"].items()
        if "accuracy_kept" in part
        for chunk, found in part["images_per_s"].items()
        if found
    ]
    return lines_of(
        ("engine", "precision", "chunk", "images/s", "accuracy kept"), rows, right=(2, 3)
    )


def _kept(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--limit", type=float, default=480, help="seconds of the whole study")
    parser.add_argument("--results", default="results", help="folder of the suite's result file")
    parser.add_argument("--stand-in", action="store_true", help="CPUs stand for GPUs")
    parser.add_argument("--precisions", nargs="+", choices=PRECISIONS, default=PRECISIONS)
    parser.add_argument("--small", action="store_true", help="little of each, to try the study")


def main() -> None:
    """Run from the command line."""
    study(__doc__ or "", {"part": _task}, run, _options, workload="quick")


if __name__ == "__main__":
    main()
