"""Resizing beside Pillow, on one thread, in turns; and whether every pixel is Pillow's.

Run as ``python -m bench.studies.resizing FILE`` with the suite's own options.
"""

from __future__ import annotations

from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from bench.studies.fresh import Task, run_fresh, study
from bench.studies.options import as_workload
from tl_core.extractor import FeatureExtractor
from tl_core.resampling import FILTERS
from tl_core.resize import resize_batch
from tlbench.suite.loaded_workload import open_data

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from numpy.typing import NDArray

MODULE = "bench.studies.resizing"
#: Images of a turn.
TURN = 512


def pillow(images: list[NDArray[np.uint8]], size: int, name: str) -> NDArray[np.uint8]:
    """Image by image, as one calls Pillow."""
    out = np.empty((len(images), size, size, 3), np.uint8)
    resample = getattr(Image.Resampling, name.upper())
    for target, image in zip(out, images, strict=True):
        target[:] = np.asarray(Image.fromarray(image).resize((size, size), resample))
    return out


def rates(*, options: Task, turns: int, by: str) -> Task:
    """Images per second of both, turn by turn, and their ratio."""
    workload = as_workload(options)
    source = open_data(workload).test.images
    size = workload.image_size or 224
    seconds: dict[str, list[float]] = {"ours": [], "pillow": []}
    resize_batch(source.take([0]), size, by)  # compiles
    for turn in range(turns):
        images = source.take((np.arange(TURN) + turn * TURN) % len(source))
        for who in ("ours", "pillow") if turn % 2 else ("pillow", "ours"):
            start = perf_counter()
            resize_batch(images, size, by) if who == "ours" else pillow(images, size, by)
            seconds[who].append(perf_counter() - start)
    ratios = [p / o for p, o in zip(seconds["pillow"], seconds["ours"], strict=True)]
    per_s = {who: TURN / median(taken) for who, taken in seconds.items()}
    return {**{f"{who}_per_s": each for who, each in per_s.items()}, "times_faster": median(ratios)}


def exact(*, options: Task, by: str) -> Task:
    """How many pixels of all test images differ from Pillow's."""
    workload = as_workload(options)
    source = open_data(workload).test.images
    size, wrong = workload.image_size or 224, 0
    for first in range(0, len(source), TURN):
        images = source.take(range(first, min(first + TURN, len(source))))
        wrong += int((resize_batch(images, size, by) != pillow(images, size, by)).sum())
    return {"images": len(source), "size": size, "values_that_differ": wrong}


def end_to_end(*, options: Task, turns: int) -> Task:
    """What faster resizing gains in extraction: the same with Pillow's in its place."""
    from tl_core import streaming

    workload = as_workload(options)
    extractor = FeatureExtractor(workload.model, image_size=workload.image_size, **workload.network)
    source = open_data(workload).test.images.head(TURN)
    ways: dict[str, Callable[..., NDArray[np.uint8]]] = {"ours": resize_batch, "pillow": pillow}
    seconds: dict[str, list[float]] = {"ours": [], "pillow": []}
    extractor.extract(source.head(64))
    for turn in range(turns):
        for who in ("ours", "pillow") if turn % 2 else ("pillow", "ours"):
            streaming.resize_batch = ways[who]  # type: ignore[attr-defined]
            start = perf_counter()
            extractor.extract(source)
            seconds[who].append(perf_counter() - start)
    ratios = [p / o for p, o in zip(seconds["pillow"], seconds["ours"], strict=True)]
    return {"engine": extractor.engine, "times_faster": median(ratios), "n": turns}


TASKS: dict[str, Callable[..., Task]] = {"rates": rates, "exact": exact, "end_to_end": end_to_end}


def run(arguments: argparse.Namespace, options: Task) -> Task:
    """Every filter in fresh processes; then what it gains."""
    figures: Task = {"filters": {}}
    for by in FILTERS:
        task = {"name": "rates", "options": options, "by": by, "turns": arguments.turns}
        runs = [run_fresh(MODULE, task) for _ in range(arguments.rounds)]
        checked = run_fresh(MODULE, {"name": "exact", "options": options, "by": by})
        figures["filters"][by] = {"runs": runs, "exact": checked}
        print(by, runs, checked, flush=True)  # noqa: T201
    task = {"name": "end_to_end", "options": options, "turns": arguments.turns}
    figures["extraction"] = [run_fresh(MODULE, task) for _ in range(arguments.rounds)]
    print(figures["extraction"])  # noqa: T201
    return figures


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=5, help="fresh processes")
    parser.add_argument("--turns", type=int, default=9, help="of each, in a process")


def main() -> None:
    """Run from the command line."""
    study(__doc__ or "", TASKS, run, _options, workload="tutorial")


if __name__ == "__main__":
    main()
