"""A pair has as many turns as its own noise and the budget ask for."""

import numpy as np
import pytest

from tlbench.gate.pair_result import PairedRounds
from tlbench.gate.plan import LEAST, MOST, PAIRS_TO_FIT, Round, plan_rounds, round_for


def pilot(sd, wall_s=2.0, turns=5, seed=0):
    """A benchmark whose turns differ by this much."""
    noise = np.random.default_rng(seed).normal(size=turns)
    logs = sd * (noise - noise.mean()) / noise.std()
    return PairedRounds(base=[1.0] * turns, candidate=np.exp(logs).tolist(), wall_s=wall_s)


def plan(timed, pilot_s=10.0, budget_s=1e6, tolerance=0.05):
    return plan_rounds({"a": timed}, pilot_s, budget_s, {"a": tolerance})


@pytest.mark.parametrize(
    ("seconds", "calls", "parts"),
    [(1e-5, 200, 25), (0.001, 2, 25), (0.01, 1, 5), (0.03, 1, 2), (0.05, 1, 1), (60, 1, 1)],
)
def test_a_round_has_parts_that_are_long_enough_to_be_timed(seconds, calls, parts):
    assert round_for(seconds) == Round(calls, parts)


def test_a_benchmark_that_says_how_many_calls_are_timed_at_once_gets_more_parts():
    assert round_for(1e-5, 10) == Round(10, 25)
    assert round_for(0.03, 2) == Round(2, 1)


def test_steady_turns_need_few_and_noisy_ones_many():
    assert plan(pilot(0.001)).rounds == {"a": LEAST}
    assert LEAST < plan(pilot(0.06)).rounds["a"] < MOST
    assert plan(pilot(0.5)).rounds == {"a": MOST}


def test_a_smaller_tolerance_needs_more_turns():
    noisy = pilot(0.03)
    assert plan(noisy, tolerance=0.02).rounds["a"] > plan(noisy, tolerance=0.1).rounds["a"]


def test_one_disturbed_turn_does_not_ask_for_many():
    timed = PairedRounds(base=[1.0] * 5, candidate=[1.0, 1.001, 1.5, 0.999, 1.0], wall_s=2.0)
    assert plan(timed).rounds == {"a": LEAST}


def test_a_pairs_expected_time_is_its_start_and_its_turns():
    found = plan(pilot(0.001, wall_s=5.0), pilot_s=12.0)
    assert found.pair_s == pytest.approx((12.0 - 5.0) + LEAST * 1.0)


def test_a_small_budget_takes_turns_from_all_by_the_same_factor():
    timed = {"a": pilot(0.5, wall_s=5.0), "b": pilot(0.5, wall_s=10.0)}
    shares = dict.fromkeys(timed, 0.05)
    found = plan_rounds(timed, 20.0, PAIRS_TO_FIT * 50.0, shares)
    assert found.rounds == {"a": 15, "b": 15}
    assert found.pair_s <= 50.0
    assert plan_rounds(timed, 20.0, 1.0, shares).rounds == {"a": LEAST, "b": LEAST}
