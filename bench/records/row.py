"""Our part of a benchmark in the result file: pytest-benchmark's ``extra_info``."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

from bench.records.write import PRECISION
from tl_core.models.forms import public_name

if TYPE_CHECKING:
    from bench.floors import Bounds
    from bench.job import Job
    from bench.measure.rounds import Measured


def fill_row(
    benchmark: Any,  # noqa: ANN401 - pytest-benchmark's fixture
    job: Job,
    measured: Measured[Any],
    *,
    stage: str,
    images: int,
    image_size: int | None = None,
    track: str | None = None,
    accuracy: float | None = None,
    bounds: Bounds | None = None,
) -> None:
    """Write a benchmark's ``extra_info``; what doesn't apply to the stage is null.

    Args:
        benchmark: pytest-benchmark's fixture, after its rounds.
        job: What was run.
        measured: The rounds.
        stage: One of ``plugin.STAGES``.
        images: Images a round.
        image_size: Side of the network's input, where it isn't the extractor's.
        track: ``recompute`` or ``cached``, where the stage trains.
        accuracy: Top-1 on the test images, 0 to 1.
        bounds: What the accuracy had to lie between.
    """
    workload = job.workload
    # --benchmark-disable runs the checks without timing anything.
    rounds = benchmark.stats.stats.data if benchmark.stats else []
    benchmark.extra_info.update(
        workload=workload.name,
        stage=stage,
        track=track,
        model=public_name(workload.model),
        data=job.data.name,
        data_fingerprint=job.data.fingerprint,
        engine=workload.engine,
        precision=PRECISION,
        device=workload.device,
        threads=job.threads,
        batch_size=workload.batch_size,
        image_size=image_size or job.extractor.image_size,
        train_size=len(job.data.train),
        test_size=len(job.data.test),
        images=images,
        images_per_s=images / median(rounds) if rounds else None,
        accuracy=accuracy,
        accuracy_floor=bounds.floor if bounds else None,
        accuracy_ceiling=bounds.ceiling if bounds else None,
        load_s=job.load_s,
        first_call_s=job.first_call_s,
        peak_rss_bytes=measured.peak_rss_bytes,
    )
