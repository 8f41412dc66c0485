"""A recipe belongs to one data set at its size, and following it learns."""

import dataclasses

import numpy as np

from tl_core.data import load_data
from tlbench.suite import recipes
from tlbench.suite.recipes import Recipe, follow, recipe_for

BASE = Recipe("cifar10", "efficientnet-lite0", 0.75, 96, 1_000, 10_000, 0.3, 0.80)


def like(**changes):
    return dataclasses.replace(BASE, **changes)


def test_a_data_set_with_too_few_images_has_no_recipe(monkeypatch):
    data = load_data("photo-patches").head(100, 20)
    mine = like(data="photo-patches", train_size=100, test_size=20)
    monkeypatch.setattr(recipes, "recipes", lambda: (BASE, mine))
    assert recipe_for(data) == mine
    assert recipe_for(data.head(99, 20)) is None
    assert recipe_for(data.head(100, 19)) is None, "the target is for all test images"


def test_every_committed_recipe_reaches_its_target_with_a_margin():
    found = recipes.recipes()
    assert {each.data for each in found if each.reaches} == {"cifar10", "photo-patches"}
    for each in found:
        error = (each.target * (1 - each.target) * (1 / 5_000 + 1 / each.test_size)) ** 0.5
        assert each.held_out > each.target + 3 * error or not each.reaches
    assert [each.target for each in found if each.data == "cifar10"] == [0.7657, 0.94, 0.97]


def test_following_a_recipe_takes_its_own_sizes_and_learns(tiny_model):
    data = load_data("photo-patches").head(500, 60)
    sizes = {"image_size": 64, "train_size": 400, "test_size": 60}
    mine = like(data="photo-patches", model=tiny_model, **sizes)
    result, opened = follow(mine, data, 0, {"engine": "tensorflow"})
    assert result.accuracy > 0.5, "chance is a tenth"
    assert result.predictions.shape == (60,)
    assert opened.network.image_size == 64
    again, _ = follow(mine, data, 0, {"engine": "tensorflow"})
    np.testing.assert_array_equal(again.predictions, result.predictions)
    few, _ = follow(like(**{**dataclasses.asdict(mine), "train_size": 20}), data, 0, {})
    assert few.accuracy < result.accuracy
