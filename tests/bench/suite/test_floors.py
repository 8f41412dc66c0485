"""Accuracy bounds follow from their derivations by a stated rule."""

import dataclasses
import math
import re
from statistics import mean, stdev
from types import SimpleNamespace

import numpy as np
import pytest

from bench.studies.derive_floors import TUTORIAL_ACCURACY
from tl_core.data import DataSet, Split, load_data
from tl_core.sources import ArraySource
from tlbench.suite.checks import check_accuracy
from tlbench.suite.floors import (
    SEEDS,
    Bounds,
    Derivation,
    bounds_for,
    chance_bounds,
    derivations,
)
from tlbench.suite.loaded_workload import LoadedWorkload
from tlbench.suite.picture_files import FORM
from tlbench.suite.workloads import QUICK, TUTORIAL, WORKLOADS


def data_set(train, test, classes=2, name="data"):
    def split(n):
        pixels = np.zeros((n, 1, 1, 3), np.uint8)
        return Split(ArraySource(pixels), np.arange(n, dtype=np.int64) % classes)

    return DataSet(name, tuple(map(str, range(classes))), split(train), split(test))


@pytest.mark.parametrize(
    "row", derivations(), ids=lambda row: f"{row.model}-{row.train_size}-{row.files}"
)
def test_each_floor_is_derived_from_at_least_ten_seeds(row):
    assert len(row.accuracies) >= 10
    assert row.floor <= min(row.accuracies) <= max(row.accuracies) < row.ceiling
    assert row.linear_probe <= row.ceiling <= 1


@pytest.mark.parametrize(
    "row", derivations(), ids=lambda row: f"{row.model}-{row.train_size}-{row.files}"
)
def test_floors_and_ceilings_follow_the_stated_rule(row):
    low = mean(row.accuracies) - 4 * stdev(row.accuracies)
    assert max(low - 0.005, row.minimum) <= row.floor <= max(low, row.minimum)
    error = math.sqrt(row.linear_probe * (1 - row.linear_probe) / row.test_size)
    high = row.linear_probe + 3 * error
    assert high <= row.ceiling <= high + 0.005


@pytest.fixture(scope="module")
def patches():
    return load_data("photo-patches").head(QUICK.train_size, QUICK.test_size)


def test_the_quick_workload_has_bounds_of_its_own(patches):
    bounds = bounds_for(QUICK, patches, QUICK.image_size)
    assert "10 seeds" in bounds.origin
    assert 0.6 < bounds.floor < bounds.ceiling < 0.95


def test_the_quick_workload_from_files_has_bounds_of_its_own_too(patches):
    bounds = bounds_for(QUICK, patches, QUICK.image_size, FORM)
    assert "10 seeds" in bounds.origin
    assert 0.6 < bounds.floor < bounds.ceiling < 0.95
    assert bounds_for(QUICK, patches, QUICK.image_size, "jpeg 1x1 q1") == chance_bounds(patches)


def test_the_same_name_and_sizes_with_other_pixels_are_told_apart():
    black = data_set(2000, 500, classes=10, name="photo-patches")
    bounds = bounds_for(QUICK, black, QUICK.image_size)
    assert bounds.origin.startswith("other pixels")
    assert (bounds.floor, bounds.ceiling) == (chance_bounds(black).floor, 1.0)


def test_other_pixels_are_still_held_to_what_the_tutorial_promises():
    black = data_set(30_000, 10_000, classes=10, name="cifar10")
    bounds = bounds_for(TUTORIAL, black, 224)
    assert bounds.origin.startswith("other pixels")
    assert bounds.floor == TUTORIAL_ACCURACY


def test_another_batch_size_is_another_job(patches):
    other = dataclasses.replace(QUICK, batch_size=64)
    assert bounds_for(other, patches, QUICK.image_size) == chance_bounds(patches)


@pytest.mark.parametrize(
    ("accuracy", "message"),
    [(0.4, "0.4000 is below the floor 0.5000 (rule)"), (0.5, None), (0.8, None),
     (0.9, None), (0.91, "above the ceiling 0.9000 (rule): test images or labels have leaked")],
)  # fmt: skip
def test_an_accuracy_must_lie_between_floor_and_ceiling(accuracy, message):
    bounds = Bounds(0.5, 0.9, "rule")
    if message is None:
        assert check_accuracy(accuracy, bounds) is None
    else:
        with pytest.raises(AssertionError, match=re.escape(message)):
            check_accuracy(accuracy, bounds)


@pytest.mark.parametrize("name", ["tutorial", "full"])
def test_the_tutorials_job_is_never_held_to_less_than_the_tutorial(name):
    sizes = WORKLOADS[name].train_size
    rows = [row for row in derivations() if row.data == "cifar10" and row.train_size == sizes]
    assert rows
    assert all(row.floor >= TUTORIAL_ACCURACY for row in rows)


@pytest.mark.parametrize(
    ("train", "size"), [(1999, 160), (2000, 224)], ids=["other size", "other pixels"]
)
def test_another_job_is_held_to_more_than_chance(train, size):
    data = data_set(train, 500, classes=10, name="photo-patches")
    bounds = bounds_for(QUICK, data, size)
    assert bounds == chance_bounds(data)
    assert bounds.floor == pytest.approx(0.1 + 3 * math.sqrt(0.09 / 500))
    assert bounds.ceiling == 1.0


def test_a_promise_lifts_the_floor():
    row = Derivation("m", "d", "f", 1, 1, 100, 32, (0.5, 0.6), 0.7, minimum=0.55)
    assert row.floor == 0.55


def test_rounds_use_no_seed_that_floors_are_not_derived_from():
    """Another seed's accuracy may lie below the floor although nothing is wrong."""
    workload = SimpleNamespace(options=QUICK)
    seeds = [LoadedWorkload.seed(workload, number) for number in (0, 1, 9, 10, 1000, 10_007)]
    assert seeds == [0, 1, 9, 0, 0, 7]
    assert set(seeds) <= set(range(SEEDS))
