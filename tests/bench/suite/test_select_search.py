"""The search by itself, with networks that are numbers and a clock that they move."""

from dataclasses import replace
from zlib import crc32

import numpy as np
import pytest

from tl_core.errors import ModelError
from tlbench.compare.selection import INACCURATE, Candidate, Rule, Trial
from tlbench.suite.select.budget import Budget
from tlbench.suite.select.plan import Plan, samples_of, sizes_of
from tlbench.suite.select.search import Search

SIZES = {"big": (260, 224, 160, 96), "small": (224, 160, 96)}
ENGINES = (("tensorflow", "fp32"), ("litert", "fp32"), ("openvino", "bf16"), ("litert", "int8"))
SPEED = {
    ("tensorflow", "fp32"): 1.0, ("litert", "fp32"): 2.0,
    ("openvino", "bf16"): 1.5, ("litert", "int8"): 2.5,
}  # fmt: skip
#: Seconds that opening a candidate takes.
OPEN_S = 10.0


class Numbers:
    """Tools whose accuracies and rates are formulas: every call moves the clock."""

    def __init__(self, images, seed=0, refused=(), open_s=OPEN_S):
        self.time, self.open_s, self.refused = 0.0, open_s, refused
        self.hard = np.random.default_rng(seed).random(images)
        self.noise = np.random.default_rng(seed + 1).random((4, images))
        self.piloted, self.judged, self.open, self.seen = [], [], set(), {}

    def now(self):
        return self.time

    def rate(self, candidate):
        cost = {"big": 1.6, "small": 1.0}[candidate.model] * (candidate.image_size / 224) ** 2
        return 150 * SPEED[candidate.engine, candidate.precision] / cost

    def accuracy(self, candidate):
        top = {"big": 0.96, "small": 0.95}[candidate.model]
        loss = 0.02 if candidate.precision == "int8" else 0.0
        return top - loss - max(0, 200 - candidate.image_size) * 5e-4

    def images_per_s(self, candidate):
        self.time += self.open_s
        self.piloted.append(candidate)
        if any(all(getattr(candidate, k) == v for k, v in each.items()) for each in self.refused):
            raise ModelError(f"{candidate.engine} can't")
        self.open.add(candidate)
        return self.rate(candidate)

    def right(self, candidate, images):
        key = candidate.model, candidate.image_size, candidate.precision
        self.time += max(0, images - self.seen.get(key, 0)) / self.rate(candidate)
        self.seen[key] = images
        self.judged.append((candidate, images))
        self.open.add(candidate)
        noise = self.noise[crc32(repr(key).encode()) % 4][:images]
        return (self.hard[:images] < self.accuracy(candidate)) ^ (noise < 0.005)

    def release(self, candidate):
        self.open.discard(candidate)


def search(tools, budget=100_000.0, sizes=SIZES, engines=ENGINES, margin=0.01):
    lines = []
    plan = Plan(sizes, engines, samples_of(len(tools.hard), 10), budget)
    return Search(plan, tools, margin, lines.append).run(), lines


def every(tools, precisions=("fp32", "int8")):
    """Trials of all candidates with the fastest engine, on all images."""
    fresh = Numbers(len(tools.hard))
    fresh.hard, fresh.noise = tools.hard, tools.noise
    candidates = [
        Candidate(model, size, "litert", precision)
        for model, sizes in SIZES.items() for size in sizes for precision in precisions
    ]  # fmt: skip
    return [Trial(c, fresh.rate(c), fresh.right(c, len(tools.hard))) for c in candidates]


@pytest.mark.parametrize("seed", range(5))
def test_a_search_with_time_finds_what_a_full_one_finds(seed):
    tools = Numbers(12_800, seed)
    selection, _ = search(tools)
    whole = every(tools)
    best = Rule(0.01, selection.rule.looks).best(whole)
    accuracies = {each.candidate: each.accuracy for each in whole}
    assert selection.best.candidate.engine == "litert"
    found = accuracies[selection.best.candidate]
    assert found >= max(accuracies.values()) - 0.01
    assert selection.best.images_per_s >= best.images_per_s * 0.95
    assert selection.decided
    assert not selection.untried
    assert selection.needed_s is None


def test_what_cannot_win_costs_nothing_after_it_is_dropped():
    tools = Numbers(51_200)
    selection, lines = search(tools)
    dropped = {each.candidate: each.images for each in selection.trials if each.dropped}
    early = [each for each, images in dropped.items() if images < 51_200]
    assert any(each.image_size == 96 for each in early)
    for candidate in early:
        assert max(n for each, n in tools.judged if each == candidate) == dropped[candidate]
        assert candidate not in tools.open
        assert any(f"{candidate}: dropped after {dropped[candidate]:,}" in line for line in lines)
    seconds = sum(51_200 / each.images_per_s for each in selection.trials)
    assert selection.seconds < seconds / 2


@pytest.mark.parametrize("budget", [1, 30, 60, 90, 120, 200, 300, 500, *range(550, 950, 25)])
@pytest.mark.parametrize("seed", range(2))
def test_it_ends_within_the_budget_with_the_best_so_far(budget, seed):
    tools = Numbers(51_200, seed)
    selection, _ = search(tools, budget)
    first = OPEN_S + 1 + 3_200 / 100
    assert selection.seconds <= max(budget * 1.1, first)
    assert selection.best is not None
    assert selection.best in selection.trials
    assert not selection.best.dropped
    tried = len({each.candidate for each in selection.trials})
    assert selection.untried or tried >= 7
    if selection.untried:
        assert not selection.decided
        assert selection.needed_s > selection.seconds


def test_a_budget_that_would_do_is_named():
    selection, _ = search(Numbers(800), budget=60)
    assert selection.untried
    enough, _ = search(Numbers(800), budget=selection.needed_s * 1.5)
    assert not enough.untried


def test_the_sample_grows_as_far_as_the_time_allows():
    tools = Numbers(51_200)
    short, _ = search(tools, budget=260, engines=ENGINES[:2])
    whole, _ = search(Numbers(51_200), engines=ENGINES[:2])
    assert not short.untried
    assert max(each.images for each in short.trials) < 51_200
    assert max(each.images for each in short.trials) > samples_of(51_200, 10)[0]
    assert whole.seconds > 260
    assert not short.decided


def test_engines_are_compared_once_and_again_with_the_best():
    tools = Numbers(800)
    selection, _ = search(tools, engines=ENGINES[:2])
    assert {each.engine for each in tools.piloted[:2]} == {"tensorflow", "litert"}
    assert {each.candidate.engine for each in selection.trials} == {"litert"}
    best = selection.best.candidate
    again = [each for each in tools.piloted if each.engine == "tensorflow"]
    assert (best.model, best.image_size) in {(each.model, each.image_size) for each in again}


def test_another_engine_that_is_faster_with_the_best_is_taken():
    tools = Numbers(800)
    plain = tools.rate
    tools.rate = lambda each: (
        plain(each) * (3.0 if each.engine == "tensorflow" and each.image_size < 224 else 1.0)
    )
    selection, _ = search(tools, engines=ENGINES[:2], sizes={"small": (224, 160)}, margin=0.05)
    assert selection.best.candidate == Candidate("small", 160, "tensorflow")
    assert selection.best.images_per_s == tools.rate(selection.best.candidate)
    assert selection.best in selection.trials


def test_lower_precisions_are_tried_where_they_are_faster_and_of_what_is_left():
    tools = Numbers(51_200)
    selection, _ = search(tools)
    lower = {each.candidate.precision for each in selection.trials}
    assert lower == {"fp32", "int8"}  # bf16 is slower than fp32 by the fastest engine
    first = samples_of(51_200, 10)[0]
    for each in selection.trials:
        if each.candidate.precision == "int8":
            single = Candidate(each.candidate.model, each.candidate.image_size, "litert")
            (other,) = [t for t in selection.trials if t.candidate == single]
            assert not (other.dropped == INACCURATE and other.images == first)


class Learning(Numbers):
    """Heads that are the better, the more images they learned from; int8 loses nothing."""

    def right(self, candidate, images):
        self.learned = images / len(self.hard)
        return super().right(candidate, images)

    def accuracy(self, candidate):
        return super().accuracy(replace(candidate, precision="fp32")) - 0.2 * (1 - self.learned)


@pytest.mark.parametrize("seed", range(3))
def test_lower_precisions_are_compared_with_heads_that_learned_from_as_many_images(seed):
    tools = Learning(12_800, seed)
    selection, _ = search(tools)
    assert selection.best.candidate.precision == "int8"
    assert not any(
        each.dropped == INACCURATE for each in selection.trials
        if each.candidate.precision == "int8" and each.candidate.image_size >= 200
    )  # fmt: skip


class Alike(Numbers):
    """Networks that are equally accurate."""

    def accuracy(self, _):
        return 0.95


def test_a_lower_precision_is_not_begun_without_time_for_as_many_images():
    sizes = {"big": (224,), "small": (224,)}
    single, _ = search(Alike(51_200), sizes=sizes, engines=ENGINES[1:2], margin=0.0)
    assert {each.images for each in single.trials} == {51_200}
    budget = single.seconds + OPEN_S + 60
    both, _ = search(Alike(51_200), budget, sizes, (ENGINES[1], ENGINES[3]), margin=0.0)
    assert both.seconds <= budget
    assert {each.precision for each in both.untried} == {"int8"}
    assert both.needed_s > budget


class Slow(Numbers):
    """Pictures of the larger samples take longer than those of the pilot."""

    def rate(self, candidate):
        return super().rate(candidate) / (1 if self.time < 110 else 3)


@pytest.mark.parametrize("tools", [Numbers, Slow])
@pytest.mark.parametrize("budget", range(150, 700, 25))
def test_what_is_left_is_compared_on_the_same_images(budget, tools):
    selection, _ = search(tools(51_200), budget=budget)
    assert len({each.images for each in selection.trials if not each.dropped}) == 1


def test_candidates_that_cannot_be_run_do_not_end_it():
    refused = [{"engine": "litert", "model": "small"}, {"image_size": 96}]
    tools = Numbers(800, refused=refused)
    selection, lines = search(tools, engines=ENGINES[:2])
    assert {
        each.candidate.engine for each in selection.trials if each.candidate.model == "small"
    } == {"tensorflow"}
    assert all(each.candidate.image_size != 96 for each in selection.trials)
    assert selection.refused[Candidate("big", 96, "litert")] == "litert can't"
    assert any("can't be run: litert can't" in line for line in lines)
    assert not selection.untried


def test_a_first_backbone_that_no_engine_runs_leaves_the_others():
    selection, _ = search(Numbers(800, refused=[{"model": "big"}]))
    assert {each.candidate.model for each in selection.trials} == {"small"}
    assert selection.best is not None


def test_without_anything_that_runs_there_is_no_best():
    selection, _ = search(Numbers(800, refused=[{}]))
    assert selection.best is None
    assert not selection.trials
    assert not selection.decided
    assert len(selection.refused) == len(SIZES) * len(ENGINES)


@pytest.mark.parametrize(
    ("images", "classes", "samples"),
    [
        (50, 2, (50,)),
        (799, 2, (799,)),
        (800, 2, (200, 800)),
        (50_000, 10, (781, 3_125, 12_500, 50_000)),
        (50_000, 100, (3_125, 12_500, 50_000)),
    ],
)
def test_samples_grow_from_a_few_of_each_class_to_all_images(images, classes, samples):
    assert samples_of(images, classes) == samples


@pytest.mark.parametrize(
    ("own", "wanted", "sizes"),
    [
        (224, (), (224, 192, 160, 128, 96)),
        (260, (), (260, 224, 192, 160, 128, 96)),
        (64, (), (64,)),
        (None, (), (224, 192, 160, 128, 96)),
        (224, (64, 320, 64), (64, 320)),
    ],
)
def test_sizes_are_the_own_and_smaller_ones_or_those_that_are_wanted(own, wanted, sizes):
    assert sizes_of(own, wanted) == sizes


def test_a_budget_counts_what_is_missing_by_what_such_steps_took():
    clock = iter([0.0, 0.0, 1.0, 5.0, 6.0, 7.0, 8.0, 9.0]).__next__
    budget = Budget(10, clock)
    with budget.step("a") as fits:
        assert fits
    with budget.step("a") as fits:
        assert not fits
    assert budget.skipped == [("a", 0.0)]
    assert budget.needed == 7 + 4


def test_a_step_that_is_expected_to_take_longer_than_others_needs_more_room():
    budget = Budget(10, iter([0.0, 0.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0]).__next__)
    with budget.step("a") as fits:  # takes a second
        assert fits
    with budget.step("a", 9.0) as fits:
        assert not fits
    with budget.step("a", 2.0) as fits:
        assert fits
