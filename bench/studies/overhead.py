"""What the harness adds to a round: ``python -m bench.studies.overhead [FILE]``.

The same extraction, in blocks that take turns (bare, harness, harness, bare): once in a bare loop
around ``perf_counter``, once as rounds of ``measure`` with its meter and its waiting. One log-ratio
a pair of blocks; the interval is of their median.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import TYPE_CHECKING, Any

from bench.studies.files import write_json
from bench.studies.standalone import standalone_fixture
from tlbench.machine.fingerprint import fingerprint
from tlbench.machine.noise import NoiseMeter
from tlbench.stats.round_stats import median_interval
from tlbench.suite.loaded_workload import load_workload, open_data
from tlbench.suite.quiet import import_tensorflow
from tlbench.suite.workloads import QUICK
from tlbench.timing.rounds import Instruments, Stage, measure

if TYPE_CHECKING:
    from tlbench.suite.loaded_workload import LoadedWorkload

PAIRS, CALLS, IMAGES = 40, 6, 32


def run(workload: LoadedWorkload) -> dict[str, Any]:
    """Measure in alternating blocks."""
    meter = NoiseMeter()
    _bare(workload)
    _harness(workload, meter)
    ratios = []
    for pair in range(PAIRS):
        # ABBA: whoever comes second finds the machine as the first has left it.
        if pair % 2:
            harness, bare = _harness(workload, meter), _bare(workload)
        else:
            bare, harness = _bare(workload), _harness(workload, meter)
        ratios.append(harness / bare)
    interval = median_interval(ratios)
    assert interval is not None  # noqa: S101 - forty pairs
    return {
        "what": "seconds of a round through the harness over seconds of a call in a bare loop",
        "pairs": PAIRS,
        "calls_a_block": CALLS,
        "images_a_call": IMAGES,
        "median_ratio": median(ratios),
        "interval": [interval.low, interval.high],
        "coverage": interval.coverage,
        "geometric_mean_ratio": math.exp(sum(map(math.log, ratios)) / len(ratios)),
        "ratios": ratios,
    }


def _bare(workload: LoadedWorkload) -> float:
    """Median seconds of a call."""
    images, seconds = workload.data.train.images.head(IMAGES), []
    for _ in range(CALLS):
        start = perf_counter()
        workload.extractor.extract(images, batch_size=IMAGES)
        seconds.append(perf_counter() - start)
    return median(seconds)


def _harness(workload: LoadedWorkload, meter: NoiseMeter) -> float:
    """Median seconds of a round of the same call."""
    images = workload.data.train.images.head(IMAGES)
    stage = Stage(
        lambda _: workload.extractor.extract(images, batch_size=IMAGES),
        lambda number: number,
        IMAGES,
        most_warm_ups=0,
    )
    instruments = Instruments(meter=meter)
    return median(measure(standalone_fixture("overhead"), stage, CALLS, instruments).seconds)


def main() -> None:
    """Run from the command line."""
    import_tensorflow("cpu")
    figures = run(load_workload(QUICK, open_data(QUICK))) | {"machine": fingerprint()}
    low, high = figures["interval"]
    ratio = figures["median_ratio"]
    print(f"harness / bare loop: {ratio:.4f} ({low:.4f} to {high:.4f}, {PAIRS} pairs)")  # noqa: T201
    if len(sys.argv) > 1:
        write_json(Path(sys.argv[1]), figures)


if __name__ == "__main__":
    main()
