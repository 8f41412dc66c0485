"""p-values and intervals are what trying every outcome of the coins gives."""

from itertools import combinations, product
from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from tlbench.stats.estimate import LOOKS
from tlbench.stats.sign_flip import (
    ALL_UP_TO,
    as_slow_p,
    as_slow_p_at_worst,
    bounds,
    centre,
    outcomes,
    slower_p,
)


def shortened(values):
    """Numbers whose sizes are at most the median size."""
    most = median(map(abs, values)) or np.inf
    return [min(most, max(-most, value)) for value in values]


def by_hand(logs):
    """The step-down max-T of Westfall and Young, written as its definition says."""
    logs = np.apply_along_axis(shortened, 0, logs)
    pairs, benchmarks = logs.shape

    def score(signs, column):
        return np.dot(signs, logs[:, column]) / np.linalg.norm(logs[:, column])

    happened = [score(np.ones(pairs), column) for column in range(benchmarks)]
    left, adjusted, before = set(range(benchmarks)), {}, 0.0
    while left:
        column = max(left, key=lambda each: happened[each])
        everything = [
            max(score(np.array(signs), each) for each in left)
            for signs in product((1, -1), repeat=pairs)
        ]
        share = np.mean([each >= happened[column] - 1e-12 for each in everything])
        before = adjusted[column] = max(before, share)
        left.remove(column)
    return [adjusted[column] for column in range(benchmarks)]


@pytest.mark.parametrize("seed", range(5))
def test_p_is_the_definitions(seed):
    rng = np.random.default_rng(seed)
    logs = rng.normal(0, 0.05, (7, 4)) + rng.choice([0, 0.1], 4)
    assert slower_p(logs) == pytest.approx(by_hand(logs))


def test_one_benchmarks_p_is_scipys_permutation_test():
    logs = np.random.default_rng(3).normal(0.02, 0.05, (9, 1))
    found = stats.permutation_test(
        (shortened(logs[:, 0]),), np.mean, permutation_type="samples", alternative="greater"
    )
    assert slower_p(logs)[0] == pytest.approx(found.pvalue)


@pytest.mark.parametrize("pairs", [1, 6, 10])
def test_no_p_is_below_one_outcomes_share(pairs):
    assert slower_p(np.full((pairs, 2), 0.1)) == pytest.approx([0.5**pairs] * 2)


def test_equal_arms_have_p_one():
    assert slower_p(np.zeros((8, 3))) == pytest.approx([1, 1, 1])


def test_a_speed_up_is_no_evidence_for_a_slowdown():
    assert slower_p(np.full((8, 1), -0.1)) == pytest.approx([1])


def test_a_benchmark_that_is_surely_slower_does_not_hide_a_second_one():
    """Once the first is out, the second is only compared with what is left."""
    rng = np.random.default_rng(0)
    logs = rng.normal([0.2, 0.06], [0.001, 0.03], (10, 2))
    assert (slower_p(logs) <= 3 / 1024).all()


def test_many_pairs_are_judged_by_random_outcomes_with_what_happened_among_them():
    signs = outcomes(ALL_UP_TO + 4)
    assert (signs[0] == 1).all()
    assert set(np.unique(signs)) == {-1, 1}
    assert slower_p(np.full((ALL_UP_TO + 4, 1), 0.1))[0] == pytest.approx(1 / len(signs))


@pytest.mark.parametrize("pairs", [1, ALL_UP_TO, ALL_UP_TO + 1, LOOKS[-1].pairs])
def test_the_longest_gate_has_no_more_outcomes_than_fit_into_memory(pairs):
    assert outcomes(pairs).shape == (min(2**pairs, 2**16), pairs)


@pytest.mark.parametrize("mean", [-0.01, 0.0, 0.01, 0.02])
def test_many_pairs_have_the_p_of_all_their_outcomes(mean):
    """A million sums: each of one half's with each of the other's."""
    logs = np.random.default_rng(5).normal(mean, 0.04, 20)
    short = np.array(shortened(logs))
    halves = [np.array([*product((1, -1), repeat=10)]) @ part for part in (short[:10], short[10:])]
    exact = np.mean(np.add.outer(*halves) >= short.sum() - 1e-12)
    # Four standard errors of a share of the 65,536 outcomes that are drawn.
    assert slower_p(logs[:, None])[0] == pytest.approx(exact, abs=4 * 0.5 / 256)


def as_slow_by_hand(values, limit):
    """Every subset, in place of matrix products."""
    deviations = shortened([value - limit for value in values])
    subsets = [chosen for k in range(len(values) + 1) for chosen in combinations(deviations, k)]
    return np.mean([sum(chosen) >= -1e-12 for chosen in subsets])


LOGS = st.lists(st.floats(-1, 1).map(lambda value: round(value, 3)), min_size=3, max_size=8)


@settings(max_examples=50, deadline=None)
@given(LOGS, st.floats(-0.5, 0.5).map(lambda value: round(value, 3)))
def test_how_likely_a_slowdown_is_is_the_share_of_all_subsets(values, limit):
    p = as_slow_p(np.array(values)[:, None], np.array([limit]))
    assert p[0] == pytest.approx(as_slow_by_hand(values, limit))


@settings(max_examples=100, deadline=None)
@given(LOGS, st.integers(1, 3))
def test_an_interval_ends_where_slowdowns_are_no_longer_ruled_out(values, place):
    level = place / 2 ** len(values)
    low, high, attained = bounds(np.array(values), level)
    assert attained == level
    assert min(values) <= low <= high <= max(values)
    for turned, end in ((1, high), (-1, -low)):
        logs = [turned * value for value in values]
        assert as_slow_by_hand(logs, end + 1e-5) <= level
        if end > min(logs):
            assert as_slow_by_hand(logs, end - 1e-5) > level


def test_so_few_pairs_have_no_interval_of_such_a_level():
    assert bounds(np.array([0.1, 0.2, 0.3, 0.4]), 0.06) is None
    assert bounds(np.array([0.1, 0.2, 0.3, 0.4]), 0.0625) is not None


@settings(max_examples=100, deadline=None)
@given(LOGS, st.floats(0.01, 0.5))
def test_no_signs_make_a_slowdown_likelier_than_at_worst(values, limit):
    worst = as_slow_p_at_worst(np.array(values)[:, None], np.array([limit]))[0]
    signed = np.array(values)[:, None] * outcomes(len(values)).T
    assert as_slow_p(signed, np.full(signed.shape[1], limit)).max() <= worst + 1e-12


@pytest.mark.parametrize("pairs", [6, 10, 64])
def test_at_worst_is_not_much_worse_for_pairs_that_hardly_differ(pairs):
    logs = np.random.default_rng(0).normal(0, 0.01, (pairs, 1))
    assert as_slow_p_at_worst(logs, np.array([0.05]))[0] <= 2 / len(outcomes(pairs))


def test_one_disturbed_pair_does_not_hide_what_the_others_show():
    calm = np.random.default_rng(0).normal(0.05, 0.01, 20)
    disturbed = np.array([*calm[:-1], -3.0])
    assert slower_p(disturbed[:, None])[0] < 1e-4
    assert centre(disturbed[:, None])[0] == pytest.approx(calm.mean(), abs=0.005)


@pytest.mark.parametrize("seed", range(3))
def test_the_centre_is_where_deviations_add_up_to_nothing(seed):
    logs = np.random.default_rng(seed).standard_t(2, (15, 2))
    for column, middle in enumerate(centre(logs)):
        assert sum(shortened(logs[:, column] - middle)) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(
    "noise", ["normal", *(pytest.param(name, marks=pytest.mark.slow) for name in ("t3", "laplace"))]
)
def test_an_end_misses_the_truth_as_often_as_it_says(noise):
    rng = np.random.default_rng(1)
    draw = {"normal": rng.standard_normal, "t3": lambda n: rng.standard_t(3, n)}
    draw["laplace"] = lambda n: rng.laplace(size=n)
    intervals = [bounds(0.3 + draw[noise](8), 0.05) for _ in range(4000)]
    level = intervals[0][2]
    assert level == 12 / 256
    above = sum(low > 0.3 for low, _, _ in intervals)
    below = sum(high < 0.3 for _, high, _ in intervals)
    for missed in (above, below):
        assert stats.binomtest(missed, 4000, level).pvalue > 0.001
