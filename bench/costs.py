"""What each benchmark test of a job is expected to take, from the job's pilot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.measure.budget import StageCost
from bench.measure.reference import TARGET_S

if TYPE_CHECKING:
    from bench.job import Job

#: Rounds of a repeated stage where no budget was given, and at least where one was.
USUAL, LEAST = 5, 3
#: Rounds of one that takes less than ``SHORT_S`` seconds: nine give the median 96 %.
USUAL_SHORT, SHORT_S = 9, 0.5
#: Warm-up rounds that a stage usually needs: two that take as long.
WARM_UPS = 2
#: Batches that the long stages run to warm up and to show their memory.
WARM_UP_BATCHES = 10
#: Rate of training on stored features, images/s: only planning depends on it.
CACHED_PER_S = 20_000.0
#: Photographs that are classified in a round.
PHOTOGRAPHS = 11


def stage_costs(job: Job) -> dict[str, StageCost]:
    """Expected seconds by benchmark test, in the order in which they run."""
    pilot, workload = job.pilot, job.workload
    train, test = len(job.data.train), len(job.data.test)
    image_s, model_s = 1 / pilot.images_per_s, pilot.compile_s
    warm_s = workload.batch_size * WARM_UP_BATCHES * image_s
    return {
        "test_resize": _quick(min(workload.resize_images, train) / pilot.resized_per_s),
        "test_extract": _quick(job.part_size * image_s, fixed_s=job.load_s),
        "test_train_recompute": _long(train * image_s + model_s, warm_s + test * image_s),
        "test_train_cached": _quick(train / CACHED_PER_S, overhead_s=model_s),
        "test_evaluate": _long(test * image_s, warm_s + model_s),
        "test_classify": _quick(2 * PHOTOGRAPHS * image_s, fixed_s=2 * job.load_s),
        "test_pipeline": _long((train + test) * image_s + model_s, warm_s + model_s),
    }


def _quick(round_s: float, *, fixed_s: float = 0.0, overhead_s: float = 0.0) -> StageCost:
    """A stage that is warmed up and repeated."""
    untimed = overhead_s + TARGET_S
    return StageCost(
        round_s=round_s + untimed,
        fixed_s=fixed_s + WARM_UPS * (round_s + overhead_s),
        overhead_s=untimed,
        least=LEAST,
        usual=USUAL_SHORT if round_s < SHORT_S else USUAL,
    )


def _long(round_s: float, fixed_s: float) -> StageCost:
    """A stage that runs once, and again only where a budget leaves room."""
    return StageCost(round_s=round_s + TARGET_S, fixed_s=fixed_s, overhead_s=TARGET_S)
