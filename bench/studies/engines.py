"""Every engine on the same images: speed, nearness to the reference, start, memory.

Run as ``python -m bench.studies.engines FILE`` with the suite's own options. In each round every
engine runs in a fresh process, one after the other. Beside the rate from raw uint8 images stands
the engine's own on inputs prepared before, and OpenVINO's by its ``benchmark_app``.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from bench.studies.fresh import Task, run_fresh, study
from bench.studies.options import as_workload
from tl_core.devices import usable_cpus
from tl_core.engines.names import ENGINES, is_installed
from tl_core.errors import TransferLearningError
from tl_core.extractor import FeatureExtractor
from tl_core.resize import resize_batch
from tl_core.streaming import BATCH_SIZE
from tlbench.suite.flops import multiply_adds
from tlbench.suite.loaded_workload import load_workload, open_data, peak_here
from tlbench.suite.precision import precision_accuracy
from tlbench.timing.memory import peak_rss_bytes

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Sequence

    import numpy as np
    from numpy.typing import NDArray

MODULE = "bench.studies.engines"
#: Seconds that OpenVINO's tool measures for.
TOOL_S = 10
#: Most images that are resized before the network's own rate is measured: whole batches.
PREPARED = 16 * BATCH_SIZE


def one(*, options: Task, engine: str, precision: str, images: int) -> Task:
    """An engine in this process: opened, called first, then timed, raw and prepared."""
    workload = as_workload(options, engine=engine, precision=precision)
    data = open_data(workload).train.images.head(images)
    start = perf_counter()
    try:
        extractor = FeatureExtractor(
            workload.model, image_size=workload.image_size, **workload.network
        )
    except TransferLearningError as error:
        return {"refused": str(error)}
    loaded = perf_counter()
    extractor.extract(data.head(workload.batch_size), batch_size=workload.batch_size)
    called = perf_counter()
    extractor.extract(data, batch_size=workload.batch_size)
    done = perf_counter()
    opened = extractor.opened
    row = {
        "load_s": loaded - start,
        "first_call_s": called - loaded,
        "images_per_s": len(data) / (done - called),
        "peak_rss_bytes": peak_rss_bytes(),
        "cosine": opened.equivalence.cosine if opened.equivalence else None,
        "top1_agreement": opened.equivalence.agreement if opened.equivalence else None,
        "workers": opened.choice.workers if opened.choice else None,
        "chunk": getattr(opened.network, "chunk", None),
    }
    return row | {"prepared_per_s": prepared_rate(extractor, data.take(range(len(data))))}


def prepared_rate(extractor: FeatureExtractor, images: list[NDArray[np.uint8]]) -> float:
    """The network's own rate: all inputs are resized before the clock starts."""
    whole = min(PREPARED, len(images) // BATCH_SIZE * BATCH_SIZE)
    pixels = resize_batch(images[:whole], extractor.image_size)
    in_flight = extractor.network.in_flight
    batches = [pixels[i : i + BATCH_SIZE] for i in range(0, len(pixels), BATCH_SIZE)]
    with ThreadPoolExecutor(in_flight) as pool:
        list(pool.map(extractor.network, batches[:in_flight]))
        start = perf_counter()
        list(pool.map(extractor.network, batches))
        return len(pixels) / (perf_counter() - start)


def accuracy_kept(*, options: Task, engine: str, precision: str) -> Task:
    """What a lower precision keeps of the accuracy, as the suite's own check measures it."""
    workload = as_workload(options, engine=engine, precision=precision)
    try:
        loaded = load_workload(workload, open_data(workload), probe=False)
        kept = precision_accuracy(loaded.extractor, loaded.data, workload)
    except TransferLearningError as error:
        return {"refused": str(error)}
    return {"accuracy": kept.accuracy, "reference": kept.reference, "share": kept.share}


def by_openvinos_tool(*, options: Task, chunk: int, workers: int) -> Task:
    """The rate that ``benchmark_app`` reports for the same network, streams and threads."""
    from tl_core.engines import openvino
    from tl_core.models import Model, NetworkSettings, resolve

    workload = as_workload(options)
    model = Model(resolve(workload.model, "features"), workload.model, "features")
    conversion = openvino.conversion_of(model, NetworkSettings(image_size=workload.image_size))
    size = conversion.image_size
    tool = _benchmark_app()
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(  # noqa: S603 - the installed tool
            [
                str(tool), "-m", str(conversion.folder / openvino.FILE), "-d", "CPU",
                "-hint", "none", "-nstreams", str(workers), "-nthreads", str(usable_cpus()),
                "-infer_precision", "f32", "-shape", f"[{chunk},{size},{size},3]",
                "-t", str(TOOL_S),
            ],
            capture_output=True, text=True, check=False, cwd=folder,
        )  # fmt: skip
    match = re.search(r"Throughput:\s+([\d.]+) FPS", done.stdout)
    return {"images_per_s": float(match[1]) if match else None, "said": done.stdout[-300:]}


def _benchmark_app() -> str | None:
    return shutil.which("benchmark_app", path=str(Path(sys.executable).parent))


def peak(*, options: Task) -> Task:
    """This machine's float32 matrix multiply, and what the network takes per image."""
    workload = as_workload(options)
    extractor = FeatureExtractor(workload.model, image_size=workload.image_size)
    counted = multiply_adds(extractor.module, extractor.image_size)
    best = peak_here(usable_cpus())
    return {
        "gflops_per_s": best.best if best else None,
        "by": best.by if best else None,
        "gflop_an_image": 2 * counted.total / 1e9,
    }


TASKS: dict[str, Callable[..., Task]] = {
    "one": one,
    "kept": accuracy_kept,
    "tool": by_openvinos_tool,
    "peak": peak,
}


def run(arguments: argparse.Namespace, options: Task) -> Task:
    """All engines, round by round."""
    able = [
        (engine, precision)
        for engine, about in ENGINES.items()
        for precision in about.precisions
        if is_installed(engine)
    ]
    rows: dict[str, list[Task]] = {f"{engine} {precision}": [] for engine, precision in able}
    tool: list[Task] = []
    peaks: list[Task] = []
    for number in range(arguments.rounds):
        for engine, precision in able[:: 1 if number % 2 == 0 else -1]:
            key = f"{engine} {precision}"
            slow = engine in {"tutorial", "tensorflow-xla"}
            images = arguments.images // (4 if slow else 1)
            task = {"name": "one", "options": options, "engine": engine, "precision": precision}
            rows[key].append(run_fresh(MODULE, {**task, "images": images}))
            _tell(key, rows[key][-1])
        tool += _tool(options, rows)
        peaks.append(run_fresh(MODULE, {"name": "peak", "options": options}))
        _tell("peak", peaks[-1])
    return {
        "engines": rows,
        "accuracy kept": _kept(options, able),
        "openvino benchmark_app": tool,
        "peak": peaks,
        "images": arguments.images,
    }


def _kept(options: Task, able: Sequence[tuple[str, str]]) -> dict[str, Task]:
    """Of each engine in a lower precision."""
    rows = {}
    for engine, precision in able:
        if precision != "fp32":
            task = {"name": "kept", "options": options, "engine": engine, "precision": precision}
            rows[f"{engine} {precision}"] = run_fresh(MODULE, task)
            _tell(f"{engine} {precision}", rows[f"{engine} {precision}"])
    return rows


def _tool(options: Task, rows: dict[str, list[Task]]) -> list[Task]:
    ours = rows.get("openvino fp32", [])
    if not ours or "refused" in ours[-1] or _benchmark_app() is None:
        return []
    shape = {key: ours[-1][key] for key in ("workers", "chunk")}
    row = run_fresh(MODULE, {"name": "tool", "options": options, **shape})
    _tell("openvino benchmark_app", row)
    return [row]


def _tell(key: str, row: Task) -> None:
    numbers = {k: round(v, 4) for k, v in row.items() if isinstance(v, float)}
    print(f"{key}: {numbers or row}", flush=True)  # noqa: T201


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--images", type=int, default=1_000, help="raw images of a round")
    parser.add_argument("--rounds", type=int, default=5)


def main() -> None:
    """Run from the command line."""
    study(__doc__ or "", TASKS, run, _options, workload="quick")


if __name__ == "__main__":
    main()
