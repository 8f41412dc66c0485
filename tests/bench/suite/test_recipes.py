"""Recipes are chosen on held-out training images, and the cheapest that is good enough is taken."""

import dataclasses
import json

import numpy as np
import pytest

from bench.studies import derive_recipe
from bench.studies.derive_recipe import candidates, cheapest, save
from tl_core.data import Split, load_data
from tl_core.sources import ArraySource
from tlbench.errors import OptionError
from tlbench.suite import recipes
from tlbench.suite.recipes import Recipe, follow, recipe_for
from tlbench.suite.workloads import QUICK

BASE = Recipe("cifar10", "efficientnet-lite0", 0.75, 96, 1_000, 10_000, 0.3, 0.80)


def like(**changes):
    return dataclasses.replace(BASE, **changes)


def test_the_cheapest_is_the_one_with_the_fewest_pixels_to_compute():
    found = [
        like(image_size=128, train_size=250, held_out=0.9),
        like(image_size=96, train_size=2_000, held_out=0.85),
        like(image_size=96, train_size=500, held_out=0.80),
        like(image_size=64, train_size=500, held_out=0.70),
    ]
    assert cheapest(found, 0.75, 5_000, 10_000) == found[2]


def test_of_as_cheap_ones_the_most_accurate_is_taken():
    found = [like(strength=s, held_out=h) for s, h in ((0.1, 0.79), (0.3, 0.81), (1.0, 0.80))]
    assert cheapest(found, 0.75, 5_000, 10_000).strength == 0.3


@pytest.mark.parametrize(("held_out", "good"), [(0.7515, False), (0.772, False), (0.773, True)])
def test_a_margin_of_three_standard_errors_is_asked_for(held_out, good):
    found = [like(held_out=held_out)]
    if good:
        assert cheapest(found, 0.75, 5_000, 10_000) == found[0]
        return
    with pytest.raises(OptionError, match=f"the best has {held_out}"):
        cheapest(found, 0.75, 5_000, 10_000)


def test_test_images_are_never_looked_at(monkeypatch):
    data = load_data("photo-patches").head(100, 20)
    blank = Split(ArraySource(np.zeros((20, 32, 32, 3), np.uint8)), np.zeros(20, np.int64))
    monkeypatch.setattr(derive_recipe, "IMAGE_SIZES", (32,))
    monkeypatch.setattr(derive_recipe, "TRAIN_SIZES", (40,))
    workload = dataclasses.replace(QUICK, threads=None)
    found = [
        list(candidates(workload, each, 0.5))
        for each in (data, dataclasses.replace(data, test=blank))
    ]
    assert found[0] == found[1]
    assert len(found[0]) == len(derive_recipe.STRENGTHS)
    assert max(each.held_out for each in found[0]) > 0.2


def test_a_recipe_takes_the_place_of_an_older_one_of_its_data(monkeypatch, tmp_path):
    monkeypatch.setattr(derive_recipe, "__file__", str(tmp_path / "derive_recipe.py"))
    monkeypatch.setattr(derive_recipe, "recipes", lambda: (BASE, like(data="digits")))
    path = save(like(image_size=64))
    told = [(row["data"], row["image_size"]) for row in json.loads(path.read_text())]
    assert told == [("cifar10", 64), ("digits", 96)]


def test_a_data_set_with_too_few_images_has_no_recipe(monkeypatch):
    data = load_data("photo-patches").head(100, 20)
    mine = like(data="photo-patches", train_size=100, test_size=20)
    monkeypatch.setattr(recipes, "recipes", lambda: (BASE, mine))
    assert recipe_for(data) == mine
    assert recipe_for(data.head(99, 20)) is None
    assert recipe_for(data.head(100, 19)) is None, "the target is for all test images"


def test_every_committed_recipe_reaches_its_target_with_a_margin():
    found = recipes.recipes()
    assert {each.data for each in found} == {"cifar10", "photo-patches"}
    for each in found:
        assert each.held_out > each.target
    assert next(each.target for each in found if each.data == "cifar10") == 0.7657


def test_following_a_recipe_takes_its_own_sizes_and_learns():
    data = load_data("photo-patches").head(300, 60)
    mine = like(data="photo-patches", image_size=64, train_size=200, test_size=60)
    result, opened = follow(mine, data, 0, {"engine": "tensorflow"})
    assert result.accuracy > 0.5, "chance is a tenth"
    assert result.predictions.shape == (60,)
    assert opened.network.image_size == 64
    again, _ = follow(mine, data, 0, {"engine": "tensorflow"})
    np.testing.assert_array_equal(again.predictions, result.predictions)
    few, _ = follow(like(**{**dataclasses.asdict(mine), "train_size": 20}), data, 0, {})
    assert few.accuracy < result.accuracy
