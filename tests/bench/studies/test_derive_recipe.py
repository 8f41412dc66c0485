"""Recipes are chosen on held-out training images: the cheapest that is accurate enough."""

import dataclasses
import json

import numpy as np
import pytest

from bench.studies import derive_recipe, files
from bench.studies.derive_recipe import candidates, cheapest, save
from tl_core.data import Split, load_data
from tl_core.sources import ArraySource
from tlbench.errors import OptionError
from tlbench.suite.recipes import Recipe
from tlbench.suite.workloads import QUICK

BASE = Recipe("cifar10", "efficientnet-lite0", 0.75, 96, 1_000, 10_000, 0.3, 0.80)


def like(**changes):
    return dataclasses.replace(BASE, **changes)


def test_the_cheapest_is_the_one_with_the_fewest_pixels_to_compute():
    tried = [
        like(image_size=128, train_size=250, held_out=0.9),
        like(image_size=96, train_size=2_000, held_out=0.85),
        like(image_size=96, train_size=500, held_out=0.80),
        like(image_size=64, train_size=500, held_out=0.70),
    ]
    assert cheapest(tried, 0.75, 5_000, 10_000) == tried[2]


def test_of_equally_cheap_ones_the_most_accurate_is_taken():
    tried = [like(strength=s, held_out=h) for s, h in ((0.1, 0.79), (0.3, 0.81), (1.0, 0.80))]
    assert cheapest(tried, 0.75, 5_000, 10_000).strength == 0.3


@pytest.mark.parametrize(("held_out", "good"), [(0.7515, False), (0.772, False), (0.773, True)])
def test_a_margin_of_three_standard_errors_is_required(held_out, good):
    tried = [like(held_out=held_out)]
    if good:
        assert cheapest(tried, 0.75, 5_000, 10_000) == tried[0]
        return
    with pytest.raises(OptionError, match=f"the best has {held_out}"):
        cheapest(tried, 0.75, 5_000, 10_000)


def test_where_none_reaches_the_target_the_most_accurate_is_kept():
    tried = [like(image_size=64, held_out=0.70), like(held_out=0.74), like(held_out=0.73)]
    assert cheapest(tried, 0.75, 5_000, 10_000) == tried[1]
    assert not tried[1].reaches


def test_test_images_are_never_used(monkeypatch, tiny_model):
    data = load_data("photo-patches").head(100, 20)
    blank = Split(ArraySource(np.zeros((20, 32, 32, 3), np.uint8)), np.zeros(20, np.int64))
    monkeypatch.setattr(derive_recipe, "IMAGE_SIZES", (32,))
    monkeypatch.setattr(derive_recipe, "TRAIN_SIZES", (40,))
    workload = dataclasses.replace(QUICK, threads=None, model=tiny_model)
    tried = [
        list(candidates(workload, each, 0.5))
        for each in (data, dataclasses.replace(data, test=blank))
    ]
    assert tried[0] == tried[1]
    assert len(tried[0]) == len(derive_recipe.STRENGTHS)
    assert max(each.held_out for each in tried[0]) > 0.2


@pytest.mark.slow
def test_several_targets_have_one_set_of_candidates(monkeypatch, tmp_path, tiny_model, capsys):
    """The size that is named is the only one. A target that none reaches keeps the best."""
    monkeypatch.setattr(files, "ROOT", tmp_path)
    (tmp_path / "bench/tlbench/suite").mkdir(parents=True)
    monkeypatch.setattr(derive_recipe, "TRAIN_SIZES", (300, 400))
    derive_recipe.main([
        *("--target", "0.3", "--target", "0.999", "--workload", "quick", "--model", tiny_model),
        *("--image-size", "64", "--train-size", "600", "--test-size", "100"),
    ])  # fmt: skip
    rows = json.loads((tmp_path / "bench/tlbench/suite/recipes.json").read_text())
    assert [row["target"] for row in rows] == [0.3, 0.999]
    assert {row["image_size"] for row in rows} == {64}
    assert rows[0]["held_out"] > 0.3
    assert rows[1]["held_out"] < 0.999
    printed = capsys.readouterr().out
    assert printed.count("64 400 ") == len(derive_recipe.STRENGTHS)
    assert printed.count("none reaches the target") == 1


def test_a_recipe_replaces_the_one_of_its_data_and_target_in_the_checkout(monkeypatch, tmp_path):
    monkeypatch.setattr(files, "ROOT", tmp_path)
    (tmp_path / "bench/tlbench/suite").mkdir(parents=True)
    for recipe in (like(data="digits"), BASE, like(image_size=64), like(target=0.94)):
        path = save(recipe)
    assert path == tmp_path / "bench/tlbench/suite/recipes.json"
    rows = [(row["data"], row["target"], row["image_size"]) for row in json.loads(path.read_text())]
    assert rows == [("cifar10", 0.75, 64), ("cifar10", 0.94, 96), ("digits", 0.75, 96)]


def test_a_share_of_held_out_images_is_for_one_target(capsys):
    with pytest.raises(SystemExit):
        derive_recipe.main(["--target", "0.5", "--target", "0.6", "--held-out", "0.7"])
    assert "--held-out: it is for one --target" in capsys.readouterr().err
