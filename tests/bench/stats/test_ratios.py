"""Ratios of rates agree with SciPy's tests, and call nothing real that chance makes."""

import math

import numpy as np
import pytest
from scipy import stats

from tlbench.stats.ratios import ALARM, RUN_SD, Ratio, ratio

BASE, HEAD = [100.0, 104.0, 98.0, 101.0], [109.0, 113.0, 108.0]


def test_p_and_interval_are_those_of_welchs_test_on_logarithms():
    found = ratio(BASE, HEAD)
    expected = stats.ttest_ind(np.log(HEAD), np.log(BASE), equal_var=False)
    interval = expected.confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue, rel=1e-9)
    assert (found.low, found.high) == pytest.approx(tuple(np.exp(interval)), rel=1e-9)
    assert found.value == pytest.approx(stats.gmean(HEAD) / stats.gmean(BASE))
    assert (found.runs, found.basis) == ((4, 3), "runs")


def test_the_other_way_round_is_the_reciprocal():
    one, other = ratio(BASE, HEAD), ratio(HEAD, BASE)
    assert other.value == pytest.approx(1 / one.value)
    assert (other.low, other.high) == pytest.approx((1 / one.high, 1 / one.low))
    assert other.p == pytest.approx(one.p)


@pytest.mark.parametrize(("base", "head"), [([100.0], [110.0]), ([100.0, 101.0, 99.0], [110.0])])
def test_with_one_run_a_side_an_assumed_scatter_is_used(base, head):
    found = ratio(base, head)
    error = RUN_SD * math.sqrt(1 / len(base) + 1 / len(head))
    middle = math.log(found.value)
    assert found.basis == "assumed"
    assert found.p == pytest.approx(2 * stats.norm.sf(abs(middle) / error))
    assert math.log(found.high) == pytest.approx(stats.norm.ppf(0.975, middle, error))


def test_ten_percent_between_single_runs_is_no_significant_difference_and_three_times_is():
    assert ratio([100.0], [110.0]).significance() == "no significant difference"
    assert ratio([100.0], [300.0]).significance() == "faster"
    assert ratio([300.0], [100.0]).significance() == "slower"


def test_equal_runs_are_equal():
    found = ratio([5.0, 5.0], [5.0, 5.0])
    assert (found.value, found.p, found.significance()) == (1.0, 1.0, "no significant difference")


def test_runs_without_any_scatter_differ_for_sure():
    found = ratio([5.0, 5.0], [6.0, 6.0])
    assert found.significance() == "faster"
    assert found.p == 0
    assert (found.low, found.high) == pytest.approx((1.2, 1.2))


@pytest.mark.parametrize(
    ("p", "usual", "significant"),
    [
        pytest.param(0.049, None, True, id="one chance"),
        pytest.param(0.051, None, False, id="not quite"),
        pytest.param(0.024, 0.9, True, id="two chances have half the level each"),
        pytest.param(0.9, 0.024, True, id="the usual scatter's will do"),
        pytest.param(0.026, 0.9, False, id="two chances, not quite"),
    ],
)
def test_a_ratio_has_five_percent(p, usual, significant):
    found = Ratio(1.5, 0.9, 1.9, p, (3, 3), "runs", usual)
    assert (found.significance() == "faster") == significant
    assert found.significance(found.chance) == found.significance()


@pytest.mark.parametrize(
    ("value", "low", "high", "word"),
    [
        (1.5, 1.2, 1.9, "likely faster"),
        (0.7, 0.5, 0.9, "likely slower"),
        (1.5, 0.9, 1.9, "no significant difference"),
    ],
)
def test_what_only_the_interval_says_is_likely(value, low, high, word):
    assert Ratio(value, low, high, 0.03, (1, 1), "assumed").significance(0.06) == word


def test_a_chance_is_at_most_1():
    assert Ratio(1.0, 0.9, 1.1, 0.9, (3, 3), "runs", 0.95).chance == 1.0


def test_a_side_without_runs_is_refused():
    with pytest.raises(ValueError, match="at least one run"):
        ratio([], [1.0])


def test_three_runs_convince_at_least_as_much_as_one():
    single, three = ratio([100.0], [210.0]), ratio([90.0, 101.0, 110.0], [190.0, 211.0, 230.0])
    assert three.chance < single.chance < ALARM / 100
    # By their own scatter alone, which three runs hardly know, they would not.
    assert three.p > ALARM / 200


def test_runs_that_scatter_more_than_is_usual_convince_by_their_own_scatter_only():
    wild = ratio([50.0, 100.0, 200.0], [110.0, 220.0, 440.0])
    assert wild.p_usual == pytest.approx(
        2 * stats.norm.sf(math.log(2.2), scale=math.log(2) * math.sqrt(2 / 3))
    )
    assert wild.significance() == "no significant difference"


def test_assumed_scatter_is_at_least_what_was_seen_under_load():
    import json
    from pathlib import Path

    folder = Path(__file__).parents[3] / "results/studies/gates/unchanged-loaded"
    logs = [
        math.log(np.median(pair["benchmarks"]["bench/suite/test_extract.py::test_extract"]["base"]))
        for file in sorted(folder.glob("*.json"))
        for gate in json.loads(file.read_text(encoding="utf-8"))["gates"]
        for pair in gate["pairs"]
    ]
    assert round(float(np.std(logs, ddof=1)), 3) == 0.117
    assert np.std(logs, ddof=1) <= RUN_SD
