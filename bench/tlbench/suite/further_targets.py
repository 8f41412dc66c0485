"""Time to higher accuracies than a data set's first target."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import msgspec

from tlbench.runs.row import FurtherTarget
from tlbench.suite.checks import check_accuracy
from tlbench.suite.floors import Bounds
from tlbench.suite.recipes import TABLE, follow, recipes

if TYPE_CHECKING:
    from tl_core.data import DataSet
    from tlbench.suite.recipes import Recipe


def further_targets(
    first: Recipe, data: DataSet, seed: int, network: dict[str, Any]
) -> tuple[FurtherTarget, ...]:
    """Those of the same data at its sizes, from the lowest on; see ``follow``."""
    train, test = data.sizes
    higher = (
        each
        for each in recipes()
        if each.data == first.data and each.target > first.target
        and each.test_size == test and each.train_size <= train
    )  # fmt: skip
    ordered = sorted(higher, key=lambda each: each.target)
    return tuple(_reached(each, data, seed, network) for each in ordered)


def _reached(recipe: Recipe, data: DataSet, seed: int, network: dict[str, Any]) -> FurtherTarget:
    """Time to the target, once; no time where the recipe is only the best that was tried."""
    known = FurtherTarget(
        target=recipe.target,
        model=recipe.model,
        image_size=recipe.image_size,
        held_out=recipe.held_out,
    )
    if not recipe.reaches:
        return known
    start = perf_counter()
    result, _ = follow(recipe, data, seed, network)
    seconds = perf_counter() - start
    check_accuracy(result.accuracy, Bounds(recipe.target, 1.0, f"the target in {TABLE}"))
    return msgspec.structs.replace(known, seconds=seconds, accuracy=result.accuracy)
