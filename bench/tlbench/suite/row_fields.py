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
    from tlbench.runs.row import FurtherTarget, Sample, Scaling, Stage, Track
    from tlbench.suite.floors import Bounds
    from tlbench.suite.loaded_workload import LoadedWorkload
    from tlbench.suite.picture_files import Decoding
    from tlbench.suite.precision import PrecisionAccuracy
    from tlbench.suite.recipes import Recipe
    from tlbench.timing import rounds as timing_rounds
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
    scaling: tuple[Scaling, ...] | None = None,
    further_targets: tuple[FurtherTarget, ...] | None = None,
) -> None:
    """Write a benchmark's ``extra_info``; what doesn't apply to the stage is null.

    ``recipe`` and ``opened`` are of a stage with a backbone of its own. ``accuracy`` is top-1 on
    the test images, 0 to 1, which must lie within ``bounds``; ``correct``, ``(test_size,)``, says
    which of them were right. ``decoding`` is of a stage that does nothing else; ``scaling`` and
    ``further_targets`` are the row's own.
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
        scaling=scaling,
        further_targets=further_targets,
        **_job(workload, ran, recipe),
        **_engine(ran, None if opened else workload.precision_accuracy),
        **_costs(workload, measurement),
        **_energy(measurement),
        **_hardware(workload, measurement, ran, runs_network=_runs_network(stage, track)),
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
        "trusted": ran.model.trust,
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
        # Not the choice's: a chunk that didn't fit into memory was halved since. An engine that
        # runs whole batches has one only then.
        "chunk": getattr(ran.network, "chunk", None),
        "accuracy_kept": accuracy.share if accuracy else None,
    }


def _costs(workload: LoadedWorkload, measurement: Measurement[Any]) -> dict[str, Any]:
    """Start-up times, memory, and money per image, where they are known."""
    price, images = workload.options.price_per_hour, measurement.stage_images
    per_image = median(measurement.seconds) / images
    return {
        "load_s": workload.load_s,
        "first_call_s": workload.first_call_s,
        "peak_rss_bytes": measurement.peak_rss_bytes,
        "peak_device_bytes": measurement.peak_device_bytes,
        "cost_per_million_images": None if price is None else price / 3600 * per_image * 1e6,
    }


def _energy(measurement: Measurement[Any]) -> dict[str, Any]:
    """Joules per image, above those of the idle machine where these are known."""
    counted = [each.energy for each in measurement.timed if each.energy and each.energy.source]
    idle = [each.idle_j for each in counted if each.idle_j is not None]
    all_idle = len(idle) == len(counted)
    joules = sum(each.total_j or 0.0 for each in counted) - (sum(idle) if all_idle else 0.0)
    per_image = joules / (measurement.stage_images * max(1, len(counted)))
    return {
        # What is not above the idle power is too little to measure.
        "joules_per_image": per_image if per_image > 0 else None,
        "idle_power_w": counted[0].idle_w if counted and all_idle else None,
        "energy_source": counted[0].source if counted else None,
    }


def _runs_network(stage: Stage, track: Track | None) -> bool:
    """Whether most of a stage's time should be the extractor's."""
    return stage in ("extract", "evaluate") or track in ("recompute", "files")


def _hardware(
    workload: LoadedWorkload, measurement: Measurement[Any], ran: Opened, *, runs_network: bool
) -> dict[str, Any]:
    """How close the network came to what the device can do, for stages that run it."""
    if not runs_network or workload.multiply_adds is None:
        return dict.fromkeys(("gflops_per_s", "peak_gflops_per_s", "peak_fraction"))
    images_per_s = measurement.stage_images / median(measurement.seconds)
    rate = 2 * workload.multiply_adds * images_per_s / 1e9  # an addition for each multiplication
    peaks = workload.peaks
    return {
        "gflops_per_s": rate,
        "peak_gflops_per_s": peaks.gflops_per_s,
        "peak_fraction": rate / peaks.gflops_per_s if peaks.gflops_per_s else None,
        "peak_precision": peaks.precision if peaks.gflops_per_s else None,
        **_memory_traffic(workload, ran, images_per_s),
    }


def _memory_traffic(
    workload: LoadedWorkload, ran: Opened, images_per_s: float
) -> dict[str, float | None]:
    """What the network moves in a GPU's memory, beside what that can move."""
    traffic, bandwidth = workload.traffic, workload.peaks.bandwidth_gb_per_s
    if traffic is None or bandwidth is None:
        return {}
    images = getattr(ran.network, "chunk", None) or workload.batch_size
    per_image = traffic.bytes_per_image(workload.options.precision, images)
    return {
        "bytes_per_image": per_image,
        "bandwidth_gb_per_s": bandwidth,
        "bandwidth_fraction": per_image * images_per_s / 1e9 / bandwidth,
    }


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
        throttled=_in_every_round(measurement),
        disturbances=disturbances(noise) if noise else (),
    )
    return {
        "median_s": median(seconds),
        "interval_s": (interval.low, interval.high) if interval else None,
        "interval_coverage": interval.coverage if interval else None,
        "spread": spread(seconds),
        "warmed_up": measurement.warmed_up,
        "noise": Noise(quality.label, tuple(quality.reasons), noise),
        "throttled_rounds": _throttled_rounds(measurement),
        "rounds": tuple(_round(*each) for each in enumerate(measurement.rounds)),
    }


def _round(order: int, each: timing_rounds.Round) -> Round:
    return Round(
        order, each.timed, each.started_at, each.seconds, each.unfinished_s, each.noise,
        joules=each.energy.total_j if each.energy else None,
        throttled=each.throttled,
        idle_joules=each.energy.idle_j if each.energy else None,
    )  # fmt: skip


def _throttled_rounds(measurement: Measurement[Any]) -> int | None:
    """How many rounds were throttled; None where that isn't known of any."""
    known = [each.throttled for each in measurement.rounds if each.throttled is not None]
    return sum(map(bool, known)) if known else None


def _in_every_round(measurement: Measurement[Any]) -> list[str]:
    """What held GPUs' clocks down in the rounds that count: all are throttled, or none is."""
    return list(dict.fromkeys(text for each in measurement.timed for text in each.throttled or ()))
