"""One new run against a baseline's: the errors are as rare, and the intervals as wide, as said."""

import math
from statistics import fmean, stdev

import numpy as np
import pytest
from scipy import stats

from tlbench.stats.prediction import (
    LEAST_SPREAD,
    MANY_ROUNDS,
    Prediction,
    decide,
    detectable,
    estimate,
    holm,
    median_error,
    predict,
    runs_to_pass,
)

LOGS = (0.02, -0.01, 0.03, 0.0, -0.04)


def test_the_figures_are_students_for_one_more_observation():
    m, s, diff = len(LOGS), stdev(LOGS), 0.2 - fmean(LOGS)
    found = predict(LOGS, 0.2)
    half = stats.t.ppf(0.975, m - 1) * s * math.sqrt(1 + 1 / m)
    shown = estimate(found, 0.5)
    assert shown.ratio == pytest.approx(math.exp(diff))
    assert shown.low == pytest.approx(math.exp(diff - half))
    assert shown.high == pytest.approx(math.exp(diff + half))
    assert (shown.coverage, shown.n, shown.p) == (0.95, m, 0.5)
    assert found.p == pytest.approx(stats.t.sf(diff / (s * math.sqrt(1 + 1 / m)), m - 1))


@pytest.mark.parametrize("m", [3, 5, 8])
def test_p_is_the_pooled_t_tests_with_one_value_on_one_side(m):
    """The pooled two-sample t-test of m values and 1 is the same test: SciPy's own figures."""
    rng = np.random.default_rng(m)
    logs, new = rng.normal(0, 0.05, m), 0.1
    expected = stats.ttest_ind([new], logs, equal_var=True, alternative="greater").pvalue
    assert predict(list(logs), new).p == pytest.approx(expected)


def judged(rng, m, benchmarks, slowdown=0.0, spread=0.05):
    """Predictions for a suite's benchmarks whose runs differ by ``spread``."""
    runs = rng.normal(0, spread, (m, benchmarks))
    new = rng.normal(math.log1p(slowdown), spread, benchmarks)
    return [predict(list(runs[:, i]), new[i]) for i in range(benchmarks)]


@pytest.mark.parametrize(
    ("m", "suites"),
    [(5, 1000), *(pytest.param(m, 3000, marks=pytest.mark.slow) for m in (5, 8))],
)
def test_false_alarms_of_a_suite_of_8_are_at_most_1_percent(m, suites):
    rng, alarms = np.random.default_rng(m), 0
    for _ in range(suites):
        found = judged(rng, m, 8)
        adjusted = holm({str(i): each.p for i, each in enumerate(found)}, 8)
        # A tolerance of 0 lets every significant one fail.
        alarms += any(decide(each, adjusted[str(i)], 0.0) == "fail" for i, each in enumerate(found))
    assert alarms / suites <= 0.01 + 3 * math.sqrt(0.01 * 0.99 / suites)
    assert alarms > 0, "a test that can't fail shows nothing"


@pytest.mark.parametrize("m", [3, 5, 8])
def test_a_slowdown_as_large_as_the_tolerance_seldom_passes(m):
    rng = np.random.default_rng(m)
    found = judged(rng, m, 4000, slowdown=0.1, spread=0.02)
    passed = fmean(decide(each, 1.0, 0.1) == "pass" for each in found)
    assert passed == pytest.approx(0.05, abs=0.012)


@pytest.mark.parametrize("m", [3, 5, 8])
def test_the_interval_holds_the_truth_95_times_in_100(m):
    rng = np.random.default_rng(m)
    shown = [estimate(each, 1.0) for each in judged(rng, m, 4000, slowdown=0.1)]
    assert fmean(each.low <= 1.1 <= each.high for each in shown) == pytest.approx(0.95, abs=0.012)


def failing(m, slowdown, spread, total, tolerance):
    rng = np.random.default_rng(1)
    found = judged(rng, m, 4000, slowdown=slowdown, spread=spread)
    return fmean(decide(each, min(1, each.p * total), tolerance) == "fail" for each in found)


@pytest.mark.parametrize(("m", "spread", "total"), [(5, 0.02, 1), (5, 0.02, 8), (8, 0.05, 8)])
def test_what_is_called_detectable_fails_9_times_in_10(m, spread, total):
    least = detectable(Prediction(0.0, spread, spread, m), total, 0.05)
    assert failing(m, least, spread, total, 0.05) == pytest.approx(0.9, abs=0.02)


def test_nothing_within_the_tolerance_is_called_detectable():
    assert detectable(Prediction(0.0, 0.001, 0.001, 20), 1, 0.1) > 0.1


def test_so_many_more_runs_let_an_unchanged_one_pass():
    spread = 0.02
    more = runs_to_pass(Prediction(0.0, spread, spread, 3), 0.08)
    assert more >= 1

    def passing(m):
        found = judged(np.random.default_rng(2), m, 4000, spread=spread)
        return fmean(decide(each, 1.0, 0.08) == "pass" for each in found)

    assert passing(3 + more) >= 0.88
    assert passing(3 + more - 1) < 0.9


def test_where_one_run_is_too_unsure_no_baseline_helps():
    assert runs_to_pass(Prediction(0.0, 0.1, 0.1, 5), 0.05) is None
    assert runs_to_pass(Prediction(0.0, 0.01, 0.01, 5), 0.0) is None


@pytest.mark.parametrize(
    ("log_ratio", "p", "tolerance", "word"),
    [
        (0.20, 0.001, 0.05, "fail"),
        (0.20, 0.010, 0.05, "fail"),
        (0.20, 0.011, 0.05, "inconclusive"),
        (0.20, 0.001, 0.25, "inconclusive"),  # for certain slower, and perhaps by too much
        (0.20, 0.001, 0.50, "pass"),  # for certain slower, but not by too much
        (0.00, 0.500, 0.10, "pass"),
        (0.00, 0.500, 0.05, "inconclusive"),
        (-0.20, 1.000, 0.05, "pass"),
    ],
)
def test_the_verdict_table(log_ratio, p, tolerance, word):
    assert decide(Prediction(log_ratio, 0.03, 0.03, 5), p, tolerance) == word


def test_equal_medians_are_not_known_for_certain():
    found = predict([1.0] * 5, 1.0)
    assert found.between == LEAST_SPREAD
    assert 0 < found.p < 1


def test_a_run_is_no_surer_than_its_own_rounds():
    assert predict([1.0] * 5, 1.0, [0.03, 0.04, 0.03, 0.04, 0.0]).between == pytest.approx(
        math.sqrt((2 * 0.03**2 + 2 * 0.04**2) / 5)
    )
    assert predict(LOGS, 0.0, [1e-6] * 5).between == stdev(LOGS)


def test_a_new_run_that_was_disturbed_is_less_sure_than_the_baselines():
    calm, disturbed = predict(LOGS, 0.2), predict(LOGS, 0.2, new_error=0.2)
    assert disturbed.between == calm.between
    assert disturbed.error == pytest.approx(math.hypot(0.2, stdev(LOGS) / math.sqrt(5)))
    assert disturbed.p > calm.p


@pytest.mark.parametrize("rounds", [5, 20, MANY_ROUNDS, MANY_ROUNDS + 1, 2000])
def test_the_medians_error_is_what_medians_vary_by(rounds):
    rng = np.random.default_rng(rounds)
    samples = np.exp(rng.normal(0, 0.03, (600, rounds)))
    told = fmean(median_error(list(sample)) for sample in samples)
    assert told == pytest.approx(np.log(np.median(samples, axis=1)).std(), rel=0.25)


@pytest.mark.parametrize("seconds", [[1.0], [2.0, 2.0, 2.0], [1.0] * 1000])
def test_rounds_that_do_not_differ_have_no_error(seconds):
    assert median_error(seconds) == 0


def test_one_round_that_was_far_off_does_not_count():
    rounds = [1.0, 1.01, 0.99, 1.02, 0.98, 1.0, 1.01, 0.99, 1.0]
    assert median_error([*rounds, 50.0]) < 0.02


def test_a_stranger_with_many_rounds_is_told_at_once():
    assert median_error(list(np.random.default_rng(0).normal(1, 0.1, 200_000))) < 0.001


def test_holm_steps_down():
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005}, 4) == pytest.approx(
        {"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06}
    )
    assert holm({"a": 0.4, "b": 0.5}, 2) == {"a": 0.8, "b": 0.8}
    assert holm({}, 3) == {}


def test_what_failed_early_fails_whatever_comes():
    rng = np.random.default_rng(0)
    for _ in range(200):
        p = {str(i): float(value) for i, value in enumerate(rng.uniform(0, 0.01, 6))}
        whole = holm(p, 6)
        for seen in range(1, 6):
            part = holm(dict(list(p.items())[:seen]), 6)
            assert all(part[name] >= whole[name] - 1e-15 for name in part)
