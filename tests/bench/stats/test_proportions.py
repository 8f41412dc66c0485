"""Accuracy is lost only where more images are than chance and the tolerance explain."""

import numpy as np
import pytest
from scipy.stats import binomtest

from tlbench.stats.proportions import (
    AccuracyChange,
    clopper_pearson,
    compare_paired,
    paired_difference,
    wilson,
)


@pytest.mark.parametrize(("successes", "n"), [(0, 1), (0, 2), (1, 5), (5, 5), (3, 300), (50, 99)])
@pytest.mark.parametrize(("interval", "method"), [(wilson, "wilson"), (clopper_pearson, "exact")])
def test_intervals_are_scipys(interval, method, successes, n):
    expected = binomtest(successes, n).proportion_ci(0.95, method=method)
    assert interval(successes, n) == pytest.approx((expected.low, expected.high), abs=1e-12)


def answers(both, only_base, only_head, none):
    """Base's and head's answers to so many images each."""
    base = np.repeat([True, True, False, False], [both, only_base, only_head, none])
    head = np.repeat([True, False, True, False], [both, only_base, only_head, none])
    return base, head


@pytest.mark.parametrize("lost_", [0, 1, 5, 12, 40, 300])
@pytest.mark.parametrize("won", [0, 1, 5, 12, 40, 300])
def test_p_is_the_binomial_tests(lost_, won):
    change = compare_paired(*answers(100, lost_, won, 20))
    images = 120 + lost_ + won
    expected = binomtest(lost_, lost_ + won, alternative="greater").pvalue if lost_ + won else 1.0
    assert change.p == pytest.approx(expected, rel=1e-9)
    assert (change.lost, change.won, change.images) == (lost_, won, images)
    assert change.base == pytest.approx((100 + lost_) / images)
    assert change.candidate == pytest.approx((100 + won) / images)


def test_p_of_many_images_is_a_number():
    assert compare_paired(*answers(0, 6_000, 4_000, 0)).p < 1e-80


@pytest.mark.parametrize(("base", "head"), [(3, 4), (0, 0)])
def test_answers_to_other_images_are_not_compared(base, head):
    with pytest.raises(ValueError, match=f"answers to {base} and to {head} images"):
        compare_paired(np.ones(base, bool), np.ones(head, bool))


@pytest.mark.parametrize(
    ("base", "head", "p", "expected"),
    [
        (0.90, 0.80, 0.001, True),
        (0.90, 0.80, 0.010, True),
        (0.90, 0.80, 0.011, False),  # may be chance
        (0.90, 0.895, 0.001, False),  # real, but within the tolerance
        (0.90, 0.89, 0.001, False),  # exactly the tolerance, whatever the rounding
        (0.80, 0.90, 0.001, False),
    ],
)
def test_lost_is_real_and_beyond_the_tolerance(base, head, p, expected):
    change = AccuracyChange(base, head, 1000, 0, 0, p)
    assert change.is_loss(tolerance=0.01, alpha=0.01) is expected


def test_an_interval_of_a_difference_is_that_of_the_literature():
    """Airway reactivity before and after a transplant (Bentur et al. 2009, n = 21).

    Fagerland, Lydersen and Laake, BMC Medical Research Methodology 14, 2014, table 7.
    """
    difference = paired_difference(*answers(1, 1, 7, 12))
    assert difference.value == pytest.approx(-6 / 21)
    assert (difference.low, difference.high) == pytest.approx((-0.508, -0.013), abs=6e-4)


@pytest.mark.parametrize("n", [50, 1_000])
@pytest.mark.parametrize(("won", "lost"), [(0.0, 0.0), (0.01, 0.01), (0.05, 0.02), (0.2, 0.1)])
@pytest.mark.parametrize("confidence", [0.95, 0.9875])
def test_an_interval_of_a_difference_holds_the_truth_as_often_as_it_says(n, won, lost, confidence):
    rng, held, trials = np.random.default_rng(1), 0, 2_000
    for kinds in rng.multinomial(n, [won, lost, 1 - won - lost], trials):
        difference = paired_difference(*answers(kinds[2], kinds[0], kinds[1], 0), confidence)
        held += difference.low <= won - lost <= difference.high
    assert held / trials >= confidence - 0.01


def test_no_answers_have_no_difference():
    with pytest.raises(ValueError, match="answers to 0"):
        paired_difference(np.array([], bool), np.array([], bool))


def test_intervals_of_other_confidence_are_scipys():
    expected = binomtest(40, 50).proportion_ci(0.99, method="wilson")
    assert wilson(40, 50, 0.99) == pytest.approx((expected.low, expected.high), abs=1e-12)
