"""What a run will do, told before it does it."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from bench.telling.table import WIDTH
from tl_core.devices import usable_cpus

if TYPE_CHECKING:
    from bench.workloads import Workload

#: A path or a model's name is to be copied whole.
_WHOLE_WORDS: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}


def describe(workload: Workload) -> list[str]:
    """Lines for the head of the run."""
    train, test = _size(workload.train_size), _size(workload.test_size)
    size = f" at {workload.image_size} pixels" if workload.image_size else ""
    threads = workload.threads or usable_cpus()
    job = f"{workload.name}: {workload.model}{size} on {workload.data}, {train} + {test} images"
    how = f"engine {workload.engine}, {workload.device}, {threads} threads, batch of "
    return textwrap.wrap(f"tlbench: {job}; {how}{workload.batch_size}", WIDTH, **_WHOLE_WORDS)


def plan(workload: Workload, train: int, test: int, images_per_s: float) -> str:
    """Each stage's rounds and images, and how long the network will take for them.

    Args:
        workload: What is run.
        train: Training images.
        test: Test images.
        images_per_s: The extractor's rate in the pilot.
    """
    n, part = workload.rounds, max(1, train // workload.rounds)
    stages = {
        "resize": f"{n} × {min(workload.resize_images, train):,}",
        "extract": f"{n} × {part:,}",
        "train (recompute)": f"1 × {train:,}",
        "train (cached)": f"{n} × {train:,}",
        "evaluate": f"1 × {test:,}",
        "classify": f"{n} × 11 photographs",
        "pipeline": f"1 × {train + test:,}",
    }
    # Through the network: extraction with its warm-up on the test images, then the long stages.
    passes = (test + n * part) + train + test + (train + test)
    listed = ", ".join(f"{name} {what}" for name, what in stages.items())
    cost = f"about {passes / images_per_s:,.0f} s at {images_per_s:,.0f} images/s"
    return "\n".join(textwrap.wrap(f"plan: {listed}; {cost}", WIDTH, **_WHOLE_WORDS))


def _size(number: int | None) -> str:
    return "all" if number is None else f"{number:,}"
