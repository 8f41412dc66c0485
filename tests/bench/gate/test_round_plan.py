"""A pair has as many turns as its own noise and the budget ask for, once enough pairs have room."""

import numpy as np
import pytest

from tlbench.gate.pair_result import Pair, PairedRounds
from tlbench.gate.plan import MOST, PAIRS_TO_FIT, Round, costs, outlook, plan_turns, round_for
from tlbench.stats.estimate import LEAST_TO_FAIL, LOOKS


def timed(sd=0.001, wall_s=2.0, turns=5, seed=0, overhead_s=0.0):
    """A benchmark whose turns differ by this much."""
    noise = np.random.default_rng(seed).normal(size=turns)
    logs = sd * (noise - noise.mean()) / noise.std()
    return PairedRounds([1.0] * turns, np.exp(logs).tolist(), 1, 1, wall_s, overhead_s)


def costs_of(seconds=10.0, tolerance=0.05, **benchmarks):
    pair = Pair(False, benchmarks, seconds)
    return costs(pair, dict.fromkeys(benchmarks, tolerance))


@pytest.mark.parametrize(
    ("seconds", "calls", "parts"),
    [(1e-5, 50, 50), (2.5e-4, 2, 50), (0.005, 1, 5), (0.02, 1, 2), (0.05, 1, 1), (60, 1, 1)],
)
def test_a_round_has_parts_that_are_long_enough_to_be_timed(seconds, calls, parts):
    assert round_for(seconds) == Round(calls, parts)


def test_a_benchmark_that_says_how_many_calls_are_timed_at_once_gets_more_parts():
    assert round_for(1e-5, 10) == Round(10, 50)
    assert round_for(0.03, 2) == Round(2, 1)


def test_a_call_whose_time_is_not_known_yet_is_timed_once():
    assert round_for(float("nan")) == Round(1, 1)
    assert round_for(float("nan"), 7) == Round(7, 1)


def test_steady_turns_of_a_long_call_need_few_and_noisy_ones_many():
    assert costs_of(a=timed(0.001)).wanted == {"a": 3}
    assert 3 < costs_of(a=timed(0.06)).wanted["a"] < MOST
    assert costs_of(a=timed(0.5)).wanted == {"a": MOST}


def test_a_pair_that_had_to_start_again_expects_one_start_of_the_next():
    broken = PairedRounds(wall_s=60.0, overhead_s=1.0)
    pair = Pair(False, {"a": timed(wall_s=2.0), "b": broken}, 75.0, starts=3)
    assert costs(pair, {"a": 0.05}).start_s == pytest.approx((75 - 2 - 61) / 3)


def test_twice_the_noise_needs_four_times_the_turns():
    """As it does for the standard error of what many turns say."""
    some, many = (costs_of(a=timed(sd)).wanted["a"] for sd in (0.04, 0.08))
    assert some > 3
    assert 4 * (some - 1) < many <= 4 * some


def test_short_turns_get_more_of_them():
    """Five took a tenth of a second, so that 0.4 s are 20."""
    assert costs_of(a=timed(wall_s=0.1)).wanted == {"a": 20}


def test_a_smaller_tolerance_needs_more_turns():
    noisy = timed(0.03)
    small, large = (costs_of(a=noisy, tolerance=each).wanted["a"] for each in (0.02, 0.1))
    assert small > large


def test_one_disturbed_turn_does_not_ask_for_many():
    one = PairedRounds(base=[1.0] * 5, candidate=[1.0, 1.001, 1.5, 0.999, 1.0], wall_s=2.0)
    assert costs_of(a=one).wanted == {"a": 3}


def test_a_pairs_time_is_its_start_and_what_its_benchmarks_take():
    both = costs_of(12.0, a=timed(wall_s=5.0, overhead_s=1.0), b=timed(wall_s=2.0, overhead_s=0.5))
    assert both.start_s == pytest.approx(12 - 6 - 2.5)
    assert both.pair_s({"a": 3, "b": 10}) == pytest.approx(3.5 + 1.5 + 3 * 1.0 + 10 * 0.4)
    assert both.pair_s({"b": 0}) == pytest.approx(3.5 + 0.5)


def test_what_the_first_pair_tries_in_vain_is_no_part_of_later_ones():
    one = timed(wall_s=5.0, overhead_s=1.0)
    one.trial_s = 3.0
    assert costs_of(12.0, a=one).pair_s({"a": 5}) == pytest.approx(12.0 - 3.0)


def test_a_small_budget_takes_turns_from_all_by_the_same_factor_and_leaves_one():
    both = costs_of(20.0, a=timed(0.5, wall_s=5.0), b=timed(0.5, wall_s=10.0))
    fixed_s, left_s = 20.0 - 15.0, 36.0 * (PAIRS_TO_FIT - 1)
    turns = plan_turns(both, "ab", left_s, 1)
    assert turns == {"a": 10, "b": 10}
    assert both.pair_s(turns) == fixed_s + 10 * (1.0 + 2.0) <= left_s / (PAIRS_TO_FIT - 1)
    assert plan_turns(both, "ab", 1.0, 1) == {"a": 1, "b": 1}


def test_what_needs_no_more_time_leaves_it_to_the_others():
    both = costs_of(20.0, a=timed(0.5, wall_s=5.0), b=timed(0.5, wall_s=10.0))
    left_s = 17.0 * (PAIRS_TO_FIT - 1)
    assert plan_turns(both, "a", left_s, 1)["a"] > plan_turns(both, "ab", left_s, 1)["a"]


def test_late_pairs_have_all_the_turns_that_are_wanted():
    noisy = costs_of(20.0, a=timed(0.5, wall_s=5.0))
    assert plan_turns(noisy, "a", 100.0, 1)["a"] < MOST
    assert plan_turns(noisy, "a", 100.0, PAIRS_TO_FIT)["a"] == MOST


def test_a_budget_without_room_for_a_verdict_says_which_has():
    """A pair takes at least 5 s to start and a turn of each benchmark, 1 s and 2 s."""
    both = costs_of(20.0, a=timed(wall_s=5.0), b=timed(wall_s=10.0))
    short, enough = outlook(both, 20.0, 20.0 + 4 * 8.0), outlook(both, 20.0, 20.0 + 5 * 8.0)
    assert (short.pairs, short.can_pass) == (5, False)
    assert (enough.pairs, enough.can_pass) == (LOOKS[0].pairs, True)
    assert outlook(both, 20.0, 1e9).pairs == LOOKS[-1].pairs
    assert outlook(both, 20.0, short.budget_s).pairs >= LEAST_TO_FAIL
    # Eight more pairs, with some time to spare.
    assert 20.0 + 8 * 8.0 <= short.budget_s <= 1.5 * (20.0 + 8 * 8.0)
