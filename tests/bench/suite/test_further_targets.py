"""A higher target has a time where a recipe reaches it, and else the best that was tried."""

import dataclasses

import pytest

from tl_core.data import load_data
from tlbench.suite import further_targets as module
from tlbench.suite import recipes
from tlbench.suite.further_targets import further_targets
from tlbench.suite.recipes import Recipe, recipe_for

FIRST = Recipe("photo-patches", "efficientnet-lite0", 0.3, 64, 400, 60, 0.3, 0.95)


@pytest.fixture
def data():
    return load_data("photo-patches").head(500, 60)


@pytest.fixture
def with_recipes(monkeypatch):
    def use(*several):
        for place in (recipes, module):
            monkeypatch.setattr(place, "recipes", lambda: several)

    return use


def test_targets_that_are_reached_have_a_time_and_an_accuracy(data, with_recipes, tiny_model):
    first = dataclasses.replace(FIRST, model=tiny_model)
    higher = dataclasses.replace(first, target=0.5)
    other = dataclasses.replace(higher, data="digits")
    highest = dataclasses.replace(first, target=0.97, image_size=128, held_out=0.96)
    larger = dataclasses.replace(first, target=0.6, train_size=501)
    with_recipes(highest, other, higher, larger, first)
    found = further_targets(first, data, 0, {"engine": "tensorflow"})
    assert [each.target for each in found] == [0.5, 0.97]
    assert found[0].accuracy >= 0.5
    assert 0 < found[0].seconds < 60
    assert (found[1].seconds, found[1].accuracy) == (None, None)
    assert (found[1].held_out, found[1].image_size) == (0.96, 128)
    assert further_targets(higher, data, 0, {})[0] == found[1]


def test_a_recipe_that_does_not_reach_its_target_fails(data, with_recipes, tiny_model):
    first = dataclasses.replace(FIRST, model=tiny_model)
    with_recipes(first, dataclasses.replace(first, target=0.999, held_out=0.9999))
    with pytest.raises(AssertionError, match=r"below .*0.999"):
        further_targets(first, data, 0, {"engine": "tensorflow"})


def test_the_best_that_was_tried_is_no_recipe(data, with_recipes):
    tried = dataclasses.replace(FIRST, target=0.2, held_out=0.1)
    with_recipes(tried, FIRST)
    assert recipe_for(data) == FIRST
    with_recipes(tried)
    assert recipe_for(data) is None
