"""Our part of a benchmark in the result file: pytest-benchmark's ``extra_info``."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

import msgspec

from tl_core.models.handles import public_name
from tlbench.machine.disturbances import disturbances
from tlbench.machine.noise_sample import sum_samples
from tlbench.runs.answers import pack
from tlbench.runs.row import Noise, Round, Row
from tlbench.stats.round_stats import median_interval, spread
from tlbench.timing.quality import timing_quality

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    from numpy.typing import NDArray

    from tl_core.engines import Opened
    from tlbench.runs.row import Sample, Stage, Track
    from tlbench.suite.floors import Bounds
    from tlbench.suite.loaded_workload import LoadedWorkload
    from tlbench.suite.picture_files import Decoding
    from tlbench.suite.precision import PrecisionAccuracy
    from tlbench.suite.recipes import Recipe
    from tlbench.timing.rounds import Measurement


def fill_row(
    benchmark: Any,  # noqa: ANN401 - pytest-benchmark's fixture
    workload: LoadedWorkload,
    measurement: Measurement[Any],
    *,
    stage: Stage,
    recipe: Recipe | None = None,
    opened: Opened | None = None,
    track: Track | None = None,
    accuracy: float | None = None,
    correct: NDArray[np.bool_] | None = None,
    bounds: Bounds | None = None,
    samples: Sequence[Sample] | None = None,
    decoding: Decoding | None = None,
) -> None:
    """Write a benchmark's ``extra_info``; what doesn't apply to the stage is null.

    ``recipe`` and ``opened`` are of a stage with a backbone of its own. ``accuracy`` is top-1 on
    the test images, 0 to 1, which must lie within ``bounds``; ``correct``, ``(test_size,)``, says
    which of them were right. ``decoding`` is of a stage that does nothing else.
    """
    ran = opened or workload.extractor.opened
    row = Row(
        stage=stage,
        track=track,
        images=measurement.stage_images,
        images_per_s=measurement.stage_images / median(measurement.seconds),
        accuracy=accuracy,
        correct=None if correct is None else pack(correct),
        accuracy_floor=bounds.floor if bounds else None,
        accuracy_ceiling=bounds.ceiling if bounds else None,
        samples=None if samples is None else tuple(samples),
        **_job(workload, ran, recipe),
        **_engine(ran, None if opened else workload.precision_accuracy),
        **_costs(workload, measurement),
        **_hardware(workload, measurement, stage, track),
        **_decoding(measurement, decoding),
        **_timing(measurement),
    )
    benchmark.extra_info.update(as_info(row))


def _job(workload: LoadedWorkload, ran: Opened, recipe: Recipe | None) -> dict[str, Any]:
    """What was run, with which setup."""
    options = workload.options
    return {
        "workload": options.name,
        "model": public_name(recipe.model if recipe else options.model),
        "model_fingerprint": ran.model.fingerprint,
        "data": workload.data.name,
        "data_fingerprint": workload.data.fingerprint,
        "engine": ran.engine,
        "precision": options.precision,
        "device": options.device,
        "threads": workload.threads,
        "batch_size": workload.batch_size,
        "image_size": ran.network.image_size,
        "train_size": recipe.train_size if recipe else len(workload.data.train),
        "test_size": len(workload.data.test),
    }


def as_info(row: Row) -> dict[str, Any]:
    """A row as JSON has it; noise has the shares made from its counts beside them."""
    info: dict[str, Any] = msgspec.to_builtins(row)
    if row.noise and row.noise.seen:
        info["noise"]["seen"] = row.noise.seen.as_dict()
    for each, stored in zip(row.rounds or (), info["rounds"] or (), strict=True):
        stored["noise"] = each.noise.as_dict() if each.noise else None
    return info


def _engine(ran: Opened, accuracy: PrecisionAccuracy | None) -> dict[str, Any]:
    """How near the engine is to the reference engine, and its parallelism."""
    equivalence, choice = ran.equivalence, ran.choice
    return {
        "cosine": equivalence.cosine if equivalence else None,
        "top1_agreement": equivalence.agreement if equivalence else None,
        "workers": choice.workers if choice else None,
        # Not the choice's: a GPU's chunk that didn't fit into its memory was halved since.
        "chunk": getattr(ran.network, "chunk", None),
        "accuracy_kept": accuracy.share if accuracy else None,
    }


def _costs(workload: LoadedWorkload, measurement: Measurement[Any]) -> dict[str, Any]:
    """Start-up times, memory, and energy and money per image, where they are known."""
    joules = [each.joules for each in measurement.timed if each.joules is not None]
    price, images = workload.options.price_per_hour, measurement.stage_images
    per_image = median(measurement.seconds) / images
    return {
        "load_s": workload.load_s,
        "first_call_s": workload.first_call_s,
        "peak_rss_bytes": measurement.peak_rss_bytes,
        "peak_device_bytes": measurement.peak_device_bytes,
        "joules_per_image": sum(joules) / (images * len(joules)) if joules else None,
        "cost_per_million_images": None if price is None else price / 3600 * per_image * 1e6,
    }


def _hardware(
    workload: LoadedWorkload, measurement: Measurement[Any], stage: str, track: str | None
) -> dict[str, Any]:
    """How close the network came to what the machine can do, for stages that run it."""
    runs_it = stage in ("extract", "evaluate") or track in ("recompute", "files")
    if not runs_it or workload.multiply_adds is None:
        return {"gflops_per_s": None, "peak_gflops_per_s": None, "peak_fraction": None}
    images_per_s = measurement.stage_images / median(measurement.seconds)
    rate = 2 * workload.multiply_adds * images_per_s / 1e9  # an addition for each multiplication
    peak = workload.peak_gflops_per_s
    fraction = rate / peak if peak else None
    return {"gflops_per_s": rate, "peak_gflops_per_s": peak, "peak_fraction": fraction}


def _decoding(measurement: Measurement[Any], decoding: Decoding | None) -> dict[str, Any]:
    """How fast files were decoded, in their own units."""
    if decoding is None:
        return {}
    images_per_s = measurement.stage_images / median(measurement.seconds)
    return {
        "decoder": decoding.decoder,
        "megabytes_per_s": decoding.bytes_per_image * images_per_s / 1e6,
        "megapixels_per_s": decoding.pixels_per_image * images_per_s / 1e6,
    }


def _timing(measurement: Measurement[Any]) -> dict[str, Any]:
    """How sure the median is, and every round as it was."""
    seconds = measurement.seconds
    interval = median_interval(seconds)
    noise = sum_samples([each.noise for each in measurement.timed if each.noise is not None])
    quality = timing_quality(
        seconds,
        warmed_up=measurement.warmed_up,
        unfinished=measurement.unfinished,
        disturbances=disturbances(noise) if noise else (),
    )
    return {
        "median_s": median(seconds),
        "interval_s": (interval.low, interval.high) if interval else None,
        "interval_coverage": interval.coverage if interval else None,
        "spread": spread(seconds),
        "warmed_up": measurement.warmed_up,
        "noise": Noise(quality.label, tuple(quality.reasons), noise),
        "rounds": tuple(
            Round(
                order, each.timed, each.started_at, each.seconds, each.unfinished_s, each.noise,
                each.joules,
            )
            for order, each in enumerate(measurement.rounds)
        ),
    }  # fmt: skip
