"""What each benchmark test of a job is expected to take, from the job's pilot."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from tlbench.suite.recipes import recipe_for
from tlbench.timing.budget import StageCost
from tlbench.timing.reference import SETTLE_S, TARGET_S

if TYPE_CHECKING:
    from tlbench.suite.job import Job

#: Rounds of a repeated stage at least, where a budget was given.
LEAST = 3
#: Where none was, and of rounds shorter than ``SHORT_S`` seconds: nine give the median 96 %.
USUAL, USUAL_SHORT, SHORT_S = 5, 9, 0.5
#: Images that a round of training on stored features takes, with up to so many heads for it.
CACHED_IMAGES, MOST_HEADS = 20_000, 10
#: Warm-up rounds that a stage usually needs: two that take as long.
WARM_UPS = 2
#: Batches that the long stages run to warm up and to show their memory.
WARM_UP_BATCHES = 10
#: Rate of training on stored features, images/s: only planning depends on it.
CACHED_PER_S = 50_000.0
#: Photographs that are classified in a round: of 11 of them alone, rounds differed by a tenth.
PHOTOGRAPHS = 64
#: Time of a photograph, with decoding it, as a multiple of an image's: only planning depends on it.
DECODED = 5.0


def cached_heads(train: int) -> int:
    """Heads that a round trains on stored features of ``train`` images."""
    return min(MOST_HEADS, math.ceil(CACHED_IMAGES / train))


def stage_costs(job: Job) -> dict[str, StageCost]:
    """Expected seconds by benchmark test, in the order in which they run."""
    pilot, workload = job.pilot, job.workload
    train, test = len(job.data.train), len(job.data.test)
    image_s, model_s, heads = 1 / pilot.images_per_s, pilot.compile_s, cached_heads(train)
    warm_s = workload.batch_size * WARM_UP_BATCHES * image_s
    return {
        "test_resize": _quick(min(workload.resize_images, train) / pilot.resized_per_s),
        "test_extract": _network(job.part_size * image_s, job.load_s),
        "test_train_recompute": _long(train * image_s + model_s, warm_s + test * image_s),
        "test_train_cached": _quick(
            heads * train / CACHED_PER_S, overhead_s=heads * pilot.compile_s
        ),
        "test_evaluate": _long(test * image_s, warm_s + model_s),
        "test_classify": _quick(
            DECODED * PHOTOGRAPHS * image_s, fixed_s=2 * job.load_s + job.first_call_s
        ),
        "test_pipeline": _long((train + test) * image_s + model_s, warm_s + model_s),
        **_time_to_accuracy(job, image_s),
    }


def _time_to_accuracy(job: Job, image_s: float) -> dict[str, StageCost]:
    recipe = recipe_for(job.data)
    if recipe is None:
        return {}
    images = recipe.train_size + len(job.data.test)
    pixels = (recipe.image_size / job.extractor.image_size) ** 2
    round_s = job.load_s + images * image_s * pixels
    return {"test_time_to_accuracy": _long(round_s, round_s)}


def _quick(round_s: float, *, fixed_s: float = 0.0, overhead_s: float = 0.0) -> StageCost:
    """A stage that is warmed up and repeated."""
    untimed = overhead_s + TARGET_S + SETTLE_S
    return StageCost(
        round_s=round_s + untimed,
        fixed_s=fixed_s + WARM_UPS * (round_s + overhead_s),
        overhead_s=untimed,
        least=LEAST,
        usual=USUAL_SHORT if round_s < SHORT_S else USUAL,
    )


def _network(round_s: float, fixed_s: float) -> StageCost:
    """A repeated stage that is the network's alone, and tells how fast that is."""
    return replace(_quick(round_s, fixed_s=fixed_s), runs_network=True)


def _long(round_s: float, fixed_s: float) -> StageCost:
    """A stage that runs once, and again only where a budget leaves room."""
    return StageCost(
        round_s=round_s + TARGET_S + SETTLE_S,
        fixed_s=fixed_s,
        overhead_s=TARGET_S + SETTLE_S,
        runs_network=True,
    )
