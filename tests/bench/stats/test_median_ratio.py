"""The ratio to the median of others: SciPy's figures, and the level over a whole fleet."""

import math

import numpy as np
import pytest
from scipy import stats

from tlbench.stats.median_ratio import _median_share, ratio_to_median
from tlbench.stats.ratios import RUN_SD, ratio

OWN = [90.0, 91.5, 89.0]
OTHERS = [[100.0, 104.0, 98.0], [109.0, 113.0, 108.0], [95.0, 99.0, 96.0], [101.0, 97.0, 99.0]]


@pytest.mark.parametrize("count", [1, 2, 5])
def test_with_one_other_it_is_the_ratio_of_two_sides(count):
    own, other = OWN[:1] * count, OTHERS[0][:1] * count
    own = [each + number for number, each in enumerate(own)]
    found, expected = ratio_to_median([other], own), ratio(other, own)
    for name in ("value", "low", "high", "p", "runs", "basis", "p_usual"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name)), name


@pytest.mark.parametrize(
    ("own", "freedom"),
    [
        pytest.param(OWN, 10, id="the scatter of all"),
        pytest.param([70.0, 93.0, 120.0], 2, id="its own scatter, which is larger"),
    ],
)
def test_p_and_interval_are_those_of_students_test_with_the_medians_variance(own, freedom):
    found = ratio_to_median(OTHERS, own)
    logs, mine = np.log(OTHERS), np.log(own)
    middle = mine.mean() - np.median(logs.mean(axis=1))
    variances = [*logs.var(axis=1, ddof=1), mine.var(ddof=1)]
    variance = mine.var(ddof=1) if freedom == 2 else np.mean(variances)
    assert variance == max(mine.var(ddof=1), np.mean(variances))
    t = stats.t(freedom, middle, math.sqrt(variance * (1 + math.pi / 8) / 3))
    assert found.p == pytest.approx(2 * min(t.cdf(0), t.sf(0)))
    assert (found.low, found.high) == pytest.approx(tuple(np.exp(t.interval(0.95))))
    assert (found.runs, found.basis) == ((12, 3), "runs")
    root = math.sqrt((1 + math.pi / 8) / 3)
    usual = stats.norm(middle, max(RUN_SD, variance**0.5) * root)
    assert found.p_usual == pytest.approx(2 * min(usual.cdf(0), usual.sf(0)))


def test_sides_without_any_scatter_are_equal_or_differ_for_sure():
    assert ratio_to_median([[1.0] * 2] * 3, [1.0] * 2).p == 1
    assert ratio_to_median([[1.0] * 2] * 3, [0.9] * 2).p == 0


def test_with_one_run_a_usual_scatter_is_assumed():
    found = ratio_to_median([[100.0], [110.0], [90.0]], [50.0])
    z = stats.norm(math.log(0.5), RUN_SD * math.sqrt(1 + math.pi / 6))
    assert found.value == pytest.approx(0.5)
    assert (found.low, found.high) == pytest.approx(tuple(np.exp(z.interval(0.95))))
    assert found.p == pytest.approx(2 * z.sf(0))
    assert found.basis == "assumed"


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 20])
def test_the_medians_variance_is_not_below_the_exact_one(count):
    rng = np.random.default_rng(count)
    exact = np.median(rng.normal(size=(40_000, count)), axis=1).var()
    assert exact * 0.98 < _median_share(count) < exact * 1.4


def test_one_other_that_is_far_off_does_not_move_the_reference():
    assert ratio_to_median([[100.0], [100.0], [1000.0]], [100.0]).value == pytest.approx(1)


@pytest.mark.parametrize(("others", "own"), [([], [1.0]), ([[1.0]], []), ([[1.0], []], [1.0])])
def test_a_side_without_runs_is_an_error(others, own):
    with pytest.raises(ValueError, match="expected at least one"):
        ratio_to_median(others, own)
