"""Choose a recipe for a target accuracy; takes the suite's own options.

Tries image sizes, numbers of training images and penalties on a piece of the training images that
is held out; test images are never looked at. Of what reaches the target with a margin of three
standard errors, the one with the least to compute is put into
``bench/tlbench/suite/recipes.json``; where none does, the most accurate, so that rows can say how
near it comes. Held-out patches of photo-patches overlap with training ones, and are easier than its
test patches: there, ``--held-out 0.965`` asks for more. ``--image-size`` tries one size only.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np

from bench.studies.files import package_file, put_row
from bench.studies.options import add_options, as_workload, chosen_options
from tl_core.errors import TransferLearningError
from tl_core.extractor import FeatureExtractor
from tl_core.head import ridge_head
from tlbench.errors import OptionError
from tlbench.gate.verdict import parse_share
from tlbench.suite.loaded_workload import open_data
from tlbench.suite.recipes import TABLE, Recipe
from tlbench.suite.workloads import TUTORIAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tl_core.data import DataSet
    from tlbench.suite.workloads import Workload

#: Share of the training images that is held out, and how many at most.
HELD_OUT, MOST_HELD_OUT = 0.2, 5_000
IMAGE_SIZES = (32, 48, 64, 80, 96, 112, 128, 160)
TRAIN_SIZES = (250, 500, 1_000, 2_000, 4_000, 8_000)
STRENGTHS = (0.03, 0.1, 0.3, 1.0, 3.0)
#: Seeds that a candidate's accuracy is the mean of.
SEEDS = 5


def candidates(
    workload: Workload, data: DataSet, target: float, sizes: Sequence[int] = ()
) -> Iterator[Recipe]:
    """Every combination, with its accuracy on held-out training images.

    ``sizes`` are sides in pixels, in place of ``IMAGE_SIZES``.
    """
    held = min(MOST_HELD_OUT, round(HELD_OUT * len(data.train)))
    order = np.random.default_rng(workload.seed).permutation(len(data.train))
    judged, rest = order[:held], order[held:]
    most = min(max(TRAIN_SIZES) + 2_000, len(rest))
    labels = data.train.labels
    for size in sizes or IMAGE_SIZES:
        extractor = FeatureExtractor(workload.model, image_size=size, **workload.network)
        features = extractor.extract(data.train.images.pick(judged))
        pool = extractor.extract(data.train.images.pick(rest[:most]))
        for count in (n for n in TRAIN_SIZES if n <= most):
            for strength in STRENGTHS:
                accuracies = []
                for seed in range(SEEDS):
                    chosen = np.random.default_rng(seed).permutation(most)[:count]
                    kernel, bias = ridge_head(
                        pool[chosen], labels[rest[chosen]], len(data.class_names), strength
                    )
                    answers = (features @ kernel + bias).argmax(axis=1)
                    accuracies.append(float((answers == labels[judged]).mean()))
                yield Recipe(
                    data.name, workload.model, target,
                    size, count, len(data.test), strength, round(float(np.mean(accuracies)), 4),
                )  # fmt: skip


def cheapest(
    tried: list[Recipe], target: float, held: int, test: int, least: float | None = None
) -> Recipe:
    """Of those that reach the target with a margin, the one with the fewest pixels to compute.

    If none reaches the target, the most accurate one.

    Args:
        tried: Candidates.
        target: Accuracy.
        held: Number of held-out images that gave their accuracies.
        test: Number of test images.
        least: Accuracy on held-out images to require in place of the margin.

    Raises:
        OptionError: No candidates; or the most accurate reaches the target without the margin.
    """
    error = math.sqrt(target * (1 - target) * (1 / held + 1 / test))
    if not tried:
        raise OptionError(f"no candidates: expected more than {min(TRAIN_SIZES)} training images")
    needed = target + 3 * error if least is None else least
    good = [each for each in tried if each.held_out >= needed]
    if not good:
        best = max(tried, key=lambda each: each.held_out)
        if best.reaches:
            raise OptionError(
                f"--target {target}: the best has {best.held_out} on held-out images, expected at "
                f"least {needed:.4f}"
            )
        return best
    fewest = min((each.train_size + test) * each.image_size**2 for each in good)
    same = [each for each in good if (each.train_size + test) * each.image_size**2 == fewest]
    return max(same, key=lambda each: each.held_out)


def save(recipe: Recipe) -> Path:
    """Put a recipe into the table, in place of an older one for the same data and target."""
    return put_row(package_file(f"suite/{TABLE}"), asdict(recipe), ("data", "target"))


def main(arguments: list[str] | None = None) -> None:
    """Choose and save the recipe of the job that the options name."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--target", metavar="SHARE", required=True, action="append",
        help="such as 0.7657; repeatable",
    )  # fmt: skip
    parser.add_argument(
        "--held-out",
        metavar="SHARE",
        help="required accuracy on held-out images, where these are easier",
    )
    add_options(parser, TUTORIAL.name)
    chosen = parser.parse_args(arguments)
    if chosen.held_out and len(chosen.target) > 1:
        parser.error("--held-out: it is for one --target; expected no other")
    try:
        targets = [parse_share(each) for each in chosen.target]
        least = parse_share(chosen.held_out) if chosen.held_out else None
        options = chosen_options(chosen)
        workload = as_workload(options)
        data = open_data(workload)
        sizes = [workload.image_size] if "image_size" in options and workload.image_size else []
        tried = []
        for each in candidates(workload, data, targets[0], sizes):
            tried.append(each)
            print(each.image_size, each.train_size, each.strength, each.held_out, flush=True)  # noqa: T201
        held = min(MOST_HELD_OUT, round(HELD_OUT * len(data.train)))
        recipes = [
            cheapest(
                [replace(each, target=target) for each in tried],
                target,
                held,
                len(data.test),
                least,
            )
            for target in targets
        ]
    except (OptionError, TransferLearningError) as error:
        parser.error(str(error))
    for recipe in recipes:
        reaches = "" if recipe.reaches else "; none reaches the target, this is the best"
        print(f"{recipe}: saved in {save(recipe)}{reaches}")  # noqa: T201


if __name__ == "__main__":
    main()
