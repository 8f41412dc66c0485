"""How each data set's target accuracy is reached fastest: chosen on held-out training images."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from tl_core.extractor import FeatureExtractor
from tl_core.transfer import TransferModel
from tlbench.figures import Count, Positive, Share  # noqa: TC001 - msgspec reads the types

if TYPE_CHECKING:
    from tl_core.data import DataSet
    from tl_core.engines import Opened
    from tl_core.transfer import Evaluation

#: The recipes, made by ``python -m bench.studies.derive_recipe``.
TABLE = "recipes.json"


@dataclass(frozen=True)
class Recipe:
    """One way from raw images to a trained model.

    Attributes:
        target: Top-1 accuracy on all test images, ``test_size``, that must be reached.
        image_size: Side of the network's input in pixels.
        train_size: Training images, drawn anew for each seed.
        strength: Of the ridge penalty that the head is solved with.
        held_out: Mean accuracy on held-out training images when it was chosen. Below the target it
            is no recipe, but the best that was tried.
    """

    data: str
    model: str
    target: Share
    image_size: Count
    train_size: Count
    test_size: Count
    strength: Positive
    held_out: Share

    @property
    def reaches(self) -> bool:
        """Whether it reaches its target."""
        return self.held_out >= self.target


@cache
def recipes() -> tuple[Recipe, ...]:
    """All recipes of the table."""
    table = resources.files("tlbench.suite").joinpath(TABLE).read_bytes()
    return msgspec.json.decode(table, type=tuple[Recipe, ...])


def recipe_for(data: DataSet) -> Recipe | None:
    """The recipe of a data set at its sizes for its lowest target; None without one."""
    train, test = data.sizes
    fitting = (
        recipe
        for recipe in recipes()
        if (recipe.data, recipe.test_size) == (data.name, test)
        and recipe.train_size <= train
        and recipe.reaches
    )
    return min(fitting, key=lambda each: each.target, default=None)


def follow(
    recipe: Recipe, data: DataSet, seed: int, network: dict[str, Any]
) -> tuple[Evaluation, Opened]:
    """Load the model, extract, solve for the head, and test it on all test images.

    The seed is that of drawing training images; ``network`` has arguments of ``FeatureExtractor``.
    Returns the test result, and the network that was opened.
    """
    train, test = data.train, data.test
    chosen = np.random.default_rng(seed).permutation(len(train))[: recipe.train_size]
    extractor = FeatureExtractor(recipe.model, image_size=recipe.image_size, **network)
    model = TransferModel(extractor, data.class_names, seed=seed)
    features = extractor.extract(train.images.pick(chosen))
    model.fit_ridge(features, train.labels[chosen], strength=recipe.strength)
    return model.evaluate(test.images, test.labels), extractor.opened
