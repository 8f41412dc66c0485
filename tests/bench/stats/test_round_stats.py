"""What is said of a series of rounds follows from statistics that others have defined."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tlbench.stats.round_stats import converged, median_interval, spread, trend

SECONDS = st.floats(0.001, 1000, allow_nan=False)


def test_one_round_has_no_interval():
    assert median_interval([1.0]) is None


@pytest.mark.parametrize(
    ("n", "ranks", "coverage"),
    [
        (2, (1, 2), 0.5),
        (5, (1, 5), 0.9375),
        (6, (1, 6), 0.96875),
        (8, (1, 8), 0.9921875),
        (9, (2, 8), 0.9609375),
        (20, (6, 15), 0.9586105),
    ],
)
def test_the_interval_lies_between_the_textbooks_order_statistics(n, ranks, coverage):
    values = list(np.random.default_rng(0).permutation(n) + 1.0)
    interval = median_interval(values)
    assert (interval.low, interval.high) == ranks
    assert interval.coverage == pytest.approx(coverage)


@pytest.mark.parametrize("n", [5, 9, 20])
def test_the_interval_covers_as_often_as_it_says(n):
    rng = np.random.default_rng(1)
    runs = rng.lognormal(0, 0.3, (4000, n))
    intervals = [median_interval(list(run)) for run in runs]
    share = np.mean([interval.low <= 1.0 <= interval.high for interval in intervals])
    assert share == pytest.approx(intervals[0].coverage, abs=0.015)


@given(st.lists(SECONDS, min_size=3, max_size=30))
def test_spread_is_numpys_quartiles(values):
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    assert spread(values) == pytest.approx((high - low) / middle)


@given(st.lists(SECONDS, min_size=4, max_size=9, unique=True))
def test_the_trend_is_scipys_kendall_and_theil_sen(values):
    ours = trend(values)
    order = np.arange(len(values))
    kendall = stats.kendalltau(order, values, method="exact")
    slope = stats.theilslopes(values, order).slope
    assert ours.p == pytest.approx(kendall.pvalue)
    assert ours.change == pytest.approx(slope * (len(values) - 1) / np.median(values))


def test_equal_rounds_have_no_trend():
    assert trend([1.0] * 6).change == 0
    assert trend([1.0] * 6).p > 0.9


@pytest.mark.parametrize("n", [0, 1, 2, 3])
def test_too_few_rounds_have_no_trend(n):
    assert trend([1.0] * n) is None


@pytest.mark.parametrize(
    ("seconds", "answer"),
    [
        pytest.param([], False, id="nothing"),
        pytest.param([1], False, id="one round"),
        pytest.param([9, 1], False, id="a first call"),
        pytest.param([1, 1.04], True, id="two from the start as long as each other"),
        pytest.param([9, 1, 1.04], True, id="two as long as each other"),
        pytest.param([9, 1, 1.2], False, id="one noisy round says nothing yet"),
        pytest.param([9, 1, 1.2, 1.1], True, id="noise: twice no faster than the best"),
        pytest.param([9, 1, 1.2, 0.9], False, id="a new best"),
        pytest.param([9, 4, 3, 2, 1], False, id="a trend"),
        pytest.param([1, 1.2, 1.0], True, id="no first call, and noise"),
    ],
)
def test_warm_up_is_over_when_rounds_get_no_faster(seconds, answer):
    assert converged(seconds) is answer


def test_noise_ends_a_warm_up_and_a_trend_does_not():
    """Of 1,000 series of six rounds: 10 % noise passes in most, a trend of 15 % a round in none."""
    rng = np.random.default_rng(0)
    noise = rng.lognormal(0, 0.1, (1000, 6))
    trend_too = 0.85 ** np.arange(6)

    def share(series):
        return np.mean([any(converged(s[:k]) for k in range(2, 7)) for s in series.tolist()])

    assert share(noise) > 0.95
    assert share(trend_too * rng.lognormal(0, 0.01, (1000, 6))) == 0
