"""A second extraction of the same images reads the cache: how much faster that is.

Run as ``python -m bench.studies.feature_cache FILE`` with the suite's own options. Each reading is
in a fresh process and checks every block's checksum.
"""

from __future__ import annotations

import tempfile
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from bench.studies.fresh import Task, run_fresh, study
from bench.studies.options import as_workload
from tl_core.extractor import FeatureExtractor
from tlbench.suite.loaded_workload import open_data

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

MODULE = "bench.studies.feature_cache"


def extract(*, options: Task, folder: str) -> Task:
    """Extract with the features' cache in a folder of its own."""
    from pathlib import Path

    from tl_core import feature_cache

    workload = as_workload(options)
    images = open_data(workload).train.images
    feature_cache.cache_dir = lambda: Path(folder)  # type: ignore[attr-defined]
    extractor = FeatureExtractor(
        workload.model, image_size=workload.image_size, cache=True, **workload.network
    )
    start = perf_counter()
    features = extractor.extract(images)
    total = float(np.asarray(features).sum(dtype=np.float64))
    return {"images": len(images), "seconds": perf_counter() - start, "sum": total}


TASKS: dict[str, Callable[..., Task]] = {"extract": extract}


def run(arguments: argparse.Namespace, options: Task) -> Task:
    """Once by extraction, then from the cache."""
    with tempfile.TemporaryDirectory() as folder:
        task = {"name": "extract", "options": options, "folder": folder}
        first = run_fresh(MODULE, task)
        again = [run_fresh(MODULE, task) for _ in range(arguments.rounds)]
    assert all(each["sum"] == first["sum"] for each in again), "other features"  # noqa: S101
    ratios = [first["seconds"] / each["seconds"] for each in again]
    print(first, again, ratios)  # noqa: T201
    return {"extracted": first, "read": again, "times_faster": ratios}


def _options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--rounds", type=int, default=5)


def main() -> None:
    """Run from the command line."""
    study(__doc__ or "", TASKS, run, _options, workload="tutorial")


if __name__ == "__main__":
    main()
