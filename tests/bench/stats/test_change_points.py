"""Change points of a history: what shifted is found, what scattered isn't."""

import itertools

import numpy as np
import pytest
from scipy import stats

from tlbench.stats import change_points as changes
from tlbench.stats.change_points import LEAST_BETWEEN, LEAST_RUNS, MOST_RUNS, change_points, noise


def history(*levels, runs=20, sd=0.02, seed=0):
    """Rates of so many runs at each level, one after the other."""
    logs = np.repeat(np.log(levels), runs)
    return list(np.exp(logs + np.random.default_rng(seed).normal(0, sd, len(logs))))


def places(rates):
    return [change.index for change in change_points(rates)]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("after", [110, 90])
def test_a_shift_is_found_where_least_squares_has_it_and_is_as_large_as_welch_says(seed, after):
    rates = history(100, after, seed=seed)
    (change,) = change_points(rates)
    logs = np.log(rates)
    errors = [
        logs[:i].var() * i + logs[i:].var() * (len(logs) - i)
        for i in range(LEAST_BETWEEN, len(logs) - LEAST_BETWEEN + 1)
    ]
    assert change.index == LEAST_BETWEEN + int(np.argmin(errors))
    welch = stats.ttest_ind(logs[change.index :], logs[: change.index], equal_var=False)
    ends = np.exp(welch.confidence_interval(0.95))
    assert [change.ratio.low, change.ratio.high] == pytest.approx(list(ends))
    assert change.ratio.low < after / 100 < change.ratio.high
    assert change.p <= changes.LEVEL


def test_shifts_up_and_down_are_each_found_and_told_between_their_neighbours():
    rates = history(100, 108, 95, seed=3)
    first, second = change_points(rates)
    assert abs(first.index - 20) <= 2
    assert abs(second.index - 40) <= 2
    assert first.ratio.value == pytest.approx(1.08, abs=0.02)
    assert second.ratio.value == pytest.approx(95 / 108, abs=0.02)
    assert second.ratio.runs == (second.index - first.index, 60 - second.index)


def test_what_doesnt_shift_has_hardly_ever_a_change():
    shown = sum(bool(change_points(history(100, runs=30, seed=seed))) for seed in range(400))
    # One in a hundred is promised: more than 11 of 400 would come by chance in 1 of 1,000.
    assert stats.binom.sf(11, 400, 0.01) < 2e-3
    assert shown <= 11


@pytest.mark.parametrize("seed", [62, 105, 125, 235, 242])
def test_what_only_looks_rare_where_it_was_found_is_no_change(seed, monkeypatch):
    """In five of these 300 histories without a shift the largest one is rare at its own place."""
    rates = history(100, runs=30, seed=seed)
    assert places(rates) == []
    monkeypatch.setattr(changes, "WHOLE_LEVEL", 1)
    assert len(places(rates)) == 1, "without the test of the whole history it would be shown"


@pytest.mark.parametrize("bad", [1, 2])
def test_bad_days_are_no_change(bad):
    rates = history(100, runs=30, seed=1)
    rates[15 : 15 + bad] = [50.0] * bad
    assert places(rates) == []


def test_too_few_runs_are_not_judged_and_just_enough_are():
    half = LEAST_RUNS // 2
    step = [100.0] * half + [200.0] * (half - 1)
    assert places(step) == []
    assert places([*step, 200.0]) == [half]
    assert places([]) == []


def test_equal_rates_have_no_change():
    assert places([123.4] * 50) == []


def test_a_shift_shows_once_there_are_enough_runs_at_its_level():
    rates = history(100, runs=40, seed=2) + history(90, runs=5, seed=3)
    shown = [bool(change_points(rates[:count])) for count in range(40, 46)]
    most = LEAST_BETWEEN // 2 + 1
    assert shown[:most] == [False] * most  # of three runs at least two have to be of another level
    assert shown[-1]


def test_the_unit_of_the_rates_does_not_matter():
    rates = history(100, 108, 95, seed=3)
    assert places(rates) == places([each / 7_000 for each in rates])


def test_the_same_history_has_the_same_changes():
    rates = history(100, 104, seed=4)
    assert change_points(rates) == change_points(rates)


def test_of_a_long_history_the_latest_runs_are_judged():
    rates = history(50, 100, 110, runs=MOST_RUNS // 2, seed=5)
    assert len(rates) > MOST_RUNS
    (only,) = places(rates)
    assert abs(only - MOST_RUNS) <= 2


def test_the_noise_is_not_that_of_the_shifts():
    logs = np.log(history(100, 150, 100, 150, runs=25, sd=0.02))
    assert noise(logs) == pytest.approx(0.02, rel=0.35)
    assert logs.std() > 0.1


def gain(left, right):
    """Squared error that two means take off, beside one."""
    whole = np.concatenate([left, right])
    return sum((whole - whole.mean()) ** 2) - sum(
        sum((part - part.mean()) ** 2) for part in (left, right)
    )


def test_the_gain_of_a_cut_is_the_squared_error_it_takes_off():
    series = np.random.default_rng(0).normal(size=(2, 9))
    expected = [[gain(each[:cut], each[cut:]) for cut in range(3, 7)] for each in series]
    assert changes._gains(series) == pytest.approx(np.array(expected))


@pytest.mark.parametrize("runs", [6, 13, 14])
def test_chance_searches_all_places_and_widths(runs, monkeypatch):
    monkeypatch.setattr(changes, "ORDERS", 7)
    pool = np.random.default_rng(1).normal(size=runs)
    orders = np.random.default_rng(2).permuted(np.tile(pool, (7, 1)), axis=1)
    widths = [width for width in (3, 6, 12) if width <= runs // 2]
    cuts = range(3, runs - 2)
    expected = []
    for each in orders:
        gains = [gain(each[:cut], each[cut:]) for cut in cuts]
        for width, cut in itertools.product(widths, cuts):
            if cut < width:
                continue
            gains.append(gain(each[cut - width : cut], each[cut:]))
            if cut + width <= runs:
                gains.append(gain(each[cut - width : cut], each[cut : cut + width]))
        for width, cut in itertools.product(widths, cuts):
            if cut + width <= runs:
                gains.append(gain(each[:cut], each[cut : cut + width]))
        expected.append(max(gains))
    found = changes._anywhere(pool, np.random.default_rng(2))
    assert found == pytest.approx(np.array(expected))


def test_one_level_leaves_the_runs_themselves():
    logs = np.random.default_rng(3).normal(size=20)
    assert changes._residuals(logs, [0, 20]) == pytest.approx(logs - logs.mean())


def test_the_only_shift_is_judged_by_orders_of_the_runs_themselves():
    """Were it taken out first, what is left would be quieter, and any shift rare beside it."""
    logs = np.log(history(100, 110, runs=10))
    asked = []

    def chance(pool, runs):
        asked.append((pool, runs))
        return np.zeros(99)

    cut = changes._judge(logs, [7], 0, chance)
    ((pool, runs),) = asked
    assert pool == pytest.approx(logs - logs.mean())
    assert runs == 20
    assert (cut.index, cut.p) == (10, 0.01)


def test_residuals_are_scaled_for_the_levels_that_were_fitted():
    logs = np.random.default_rng(3).normal(size=3_000) + np.repeat(np.arange(1_000), 3)
    left = changes._residuals(logs, list(range(0, 3_001, 3)))
    assert left.std() == pytest.approx(1, rel=0.05)
