"""What each benchmark test is expected to take, from a short pilot of the loaded workload."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING

from tl_core.devices import usable_cpus
from tl_core.engines.protocol import call_size
from tl_core.resize import resize_batch
from tl_core.transfer import TransferModel
from tlbench.suite.recipes import recipe_for
from tlbench.suite.scaling import counts
from tlbench.timing.schedule import StageCost

if TYPE_CHECKING:
    from tlbench.suite.loaded_workload import LoadedWorkload

#: Rounds of a repeated stage at least, where a budget was given.
LEAST = 3
#: Where none was, and of rounds shorter than ``SHORT_S`` seconds: nine give the median 96 %.
USUAL, USUAL_SHORT, SHORT_S = 5, 9, 0.5
#: Images that a round of training on stored features takes, with up to so many heads for it.
CACHED_IMAGES, MOST_HEADS = 20_000, 10
#: Warm-up rounds that a stage usually needs: two that take as long.
WARM_UPS = 2
#: Batches at least that the long stages run to warm up and to show their memory.
WARM_UP_BATCHES = 10
#: Rate of training on stored features, images/s: only planning depends on it.
CACHED_PER_S = 50_000.0
#: Images per round of resizing.
RESIZE_IMAGES = 512
#: Images per round of decoding, and files that its rounds take them from.
DECODE_IMAGES, DECODE_FILES = 512, 2_048
#: Seconds of a CPU to decode a file, and to write one: only planning depends on them.
DECODE_S, WRITE_S = 0.002, 0.006
#: Photographs that are classified in a round: of 11 of them alone, rounds differed by a tenth.
PHOTOGRAPHS = 64
#: Time of a photograph, with decoding it, as a multiple of an image's: only planning depends on it.
DECODED = 5.0
#: Seconds until workers of a cluster are ready, and turns: only planning depends on them.
START_S, TURNS = 15.0, 3
#: Batches, or calls of GPUs, that the pilot times.
PILOT_BATCHES = 4


@dataclass(frozen=True)
class Pilot:
    """A short look at the loaded workload: rates, and seconds to make a head and trace its step."""

    images_per_s: float
    resized_per_s: float
    compile_s: float


def run_pilot(workload: LoadedWorkload) -> Pilot:
    """Time a few batches and the making of a head."""
    data, extractor, batch_size = workload.data, workload.extractor, workload.batch_size
    images = data.train.images.head(call_size(extractor.network, batch_size) * PILOT_BATCHES)
    few = min(len(images), batch_size * PILOT_BATCHES)
    start = perf_counter()
    extractor.extract(images, batch_size=batch_size)
    extracted = perf_counter()
    resize_batch(images.take(range(few)), extractor.image_size)
    resized = perf_counter()
    TransferModel(extractor, data.class_names).compile()  # the first one sets TensorFlow up
    set_up = perf_counter()
    TransferModel(extractor, data.class_names).compile()
    compiled = perf_counter()
    return Pilot(
        images_per_s=len(images) / (extracted - start),
        resized_per_s=few / (resized - extracted),
        compile_s=compiled - set_up,
    )


def warm_up_images(workload: LoadedWorkload) -> int:
    """Images that the long stages run to warm up: a few batches, or all that GPUs run at once."""
    batch_size = workload.batch_size
    return max(batch_size * WARM_UP_BATCHES, call_size(workload.extractor.network, batch_size))


def cached_heads(train: int) -> int:
    """Heads that a round trains on stored features of ``train`` images."""
    return min(MOST_HEADS, math.ceil(CACHED_IMAGES / train))


def stage_costs(workload: LoadedWorkload, pilot: Pilot) -> dict[str, StageCost]:
    """Expected seconds by benchmark test, in the order in which they run."""
    load_s, (train, test) = workload.load_s, workload.data.sizes
    image_s, model_s, heads = 1 / pilot.images_per_s, pilot.compile_s, cached_heads(train)
    warm_s = warm_up_images(workload) * image_s
    decode_s, write_s = DECODE_S / usable_cpus(), WRITE_S / usable_cpus()
    files = min(DECODE_FILES, train)
    return {
        "test_decode": _repeated(min(DECODE_IMAGES, train) * decode_s, fixed_s=files * write_s),
        "test_resize": _repeated(min(RESIZE_IMAGES, train) / pilot.resized_per_s),
        # A repeated stage that is the network's alone, and shows its pace.
        "test_extract": replace(
            _repeated(workload.part_size * image_s, fixed_s=load_s), runs_network=True
        ),
        "test_train_recompute": _long(train * image_s + model_s, warm_s + test * image_s),
        "test_train_cached": _repeated(heads * train / CACHED_PER_S, overhead_s=heads * model_s),
        "test_evaluate": _long(test * image_s, warm_s + model_s),
        "test_classify": _repeated(
            DECODED * PHOTOGRAPHS * image_s, fixed_s=2 * load_s + workload.first_call_s
        ),
        "test_pipeline": _long((train + test) * image_s + model_s, warm_s + model_s),
        "test_pipeline_files": _long(
            (train + test) * (image_s + decode_s) + model_s,
            warm_s + model_s + (train + test - files) * write_s,
        ),
        **_time_to_accuracy(workload, image_s),
        **_scaling(train * (image_s + decode_s)),
    }


def _scaling(whole_s: float) -> dict[str, StageCost]:
    """Of workers of one thread on as many CPUs as this machine has, which take so long together."""
    most = usable_cpus()
    numbers = counts(most)
    shares = {"strong": [most / each for each in numbers], "weak": [1.0] * len(numbers)}
    return {
        f"test_scaling_{name}": StageCost(
            round_s=sum(several) * whole_s + len(numbers) * START_S,
            overhead_s=(sum(several) - 1) * whole_s + len(numbers) * START_S,
            usual=TURNS,
        )
        for name, several in shares.items()
    }


def _time_to_accuracy(workload: LoadedWorkload, image_s: float) -> dict[str, StageCost]:
    data = workload.data
    recipe = recipe_for(data)
    if recipe is None:
        return {}
    images = recipe.train_size + len(data.test)
    pixels = (recipe.image_size / workload.extractor.image_size) ** 2
    round_s = workload.load_s + images * image_s * pixels
    return {"test_time_to_accuracy": _long(round_s, round_s)}


def _repeated(round_s: float, *, fixed_s: float = 0.0, overhead_s: float = 0.0) -> StageCost:
    """A stage that is warmed up and repeated."""
    whole_s = round_s + overhead_s
    return StageCost(
        round_s=whole_s,
        fixed_s=fixed_s + WARM_UPS * whole_s,
        overhead_s=overhead_s,
        least=LEAST,
        usual=USUAL_SHORT if round_s < SHORT_S else USUAL,
    )


def _long(round_s: float, fixed_s: float) -> StageCost:
    """A stage that runs once, and again only where a budget leaves room."""
    return StageCost(round_s=round_s, fixed_s=fixed_s, runs_network=True)
