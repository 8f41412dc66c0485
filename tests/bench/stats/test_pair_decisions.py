"""A gate's decisions: when it looks, what it decides, and how often it is wrong."""

import math

import numpy as np
import pytest
from scipy import stats
from threadpoolctl import threadpool_limits

from bench.studies.gate_simulation import SIMULATED, normal, replayed, simulate
from tlbench.stats.estimate import ALARM, LEAST_TO_FAIL, LOOKS, MISS, look_at
from tlbench.stats.pair_decisions import Decisions, detectable, estimate, pairs_to_pass
from tlbench.stats.sign_flip import slower_p


@pytest.fixture(autouse=True)
def one_thread():
    """Matrix products of several test processes don't wait for each other's threads."""
    with threadpool_limits(1):
        yield


def decide(columns, tolerance=0.05, *, last=False):
    """Decisions on columns of log-ratios, look by look."""
    decisions = Decisions(dict.fromkeys(columns, tolerance))
    pairs = len(next(iter(columns.values())))
    for seen in range(1, pairs + 1):
        part = {name: values[:seen] for name, values in columns.items()}
        decisions.consider(part, last=last and seen == pairs)
    return decisions


def spread_out(mean, sd, pairs=32):
    """Log-ratios with exactly this mean and spread, in a mixed order."""
    values = np.random.default_rng(0).normal(size=pairs)
    return (mean + sd * (values - values.mean()) / values.std()).tolist()


def test_all_looks_together_spend_no_more_than_promised():
    assert sum(look.alarm for look in LOOKS) <= ALARM == 0.01
    assert sum(look.miss for look in LOOKS) <= MISS == 0.05
    assert [look.pairs for look in LOOKS] == sorted({look.pairs for look in LOOKS})


@pytest.mark.parametrize("look", LOOKS, ids=lambda look: str(look.pairs))
def test_every_level_can_be_reached_with_its_pairs(look):
    """A level below one outcome's share would be a look that can't decide anything."""
    one = 0.5 ** min(look.pairs, 16)
    assert look.alarm == 0 or look.alarm >= one
    assert look.miss >= one


@pytest.mark.parametrize(
    ("pairs", "last", "levels_of"),
    [
        (5, False, None),
        (5, True, None),
        (6, False, 6),
        (7, False, None),
        (7, True, 8),
        (9, True, 10),
        (64, True, 64),
    ],
)
def test_a_look_is_due(pairs, last, levels_of):
    look = look_at(pairs, last=last)
    if levels_of is None:
        assert look is None
    else:
        expected = next(each for each in LOOKS if each.pairs == levels_of)
        assert (look.pairs, look.alarm, look.miss) == (pairs, expected.alarm, expected.miss)


@pytest.mark.parametrize(
    ("mean", "sd", "decision"),
    [
        pytest.param(math.log(1.10), 0.01, "fail", id="a tenth slower"),
        pytest.param(math.log(1.25), 0.05, "fail", id="much slower, noisy"),
        pytest.param(math.log(1.055), 0.03, "fail", id="hardly beyond the tolerance, noisy"),
        pytest.param(0.0, 0.01, "pass", id="unchanged"),
        pytest.param(math.log(0.8), 0.02, "pass", id="faster"),
        pytest.param(math.log(1.02), 0.005, "pass", id="really slower, within the tolerance"),
        pytest.param(math.log(1.05), 0.3, None, id="too noisy to tell"),
    ],
)
def test_a_benchmark_is_decided(mean, sd, decision):
    assert decide({"a": spread_out(mean, sd)}).decided.get("a") == decision


def test_a_speed_up_is_detected_at_the_same_level():
    decisions = decide({"a": spread_out(math.log(0.8), 0.02), "b": spread_out(0.0, 0.02)})
    assert decisions.faster == {"a"}


def test_a_speed_up_within_the_tolerance_is_not_called_faster():
    """However sure it is."""
    decisions = Decisions({"a": 0.05})
    decisions.consider({"a": spread_out(math.log(0.98), 0.002, 12)})
    assert (decisions.faster, decisions.decided) == (set(), {"a": "pass"})


@pytest.mark.parametrize("sign", [1, -1])
def test_a_p_that_is_exactly_the_level_is_enough_and_the_next_one_is_not(sign):
    """Of 1,024 outcomes two are as bad with one pair the other way, and four with two of them."""
    at_level = [0.2] * 9 + [-0.001]
    above = [0.2] * 8 + [-0.001, -0.002]
    decisions = decide({name: sign * np.array(logs) for name, logs in (("a", at_level),)})
    assert decisions.p["a"] == (2 / 1024 if sign > 0 else 1023 / 1024)
    found = {"a"} if sign > 0 else set()
    assert (decisions.confirmed, decisions.faster) == (found, {"a"} - found)
    missed = decide({"a": sign * np.array(above)})
    assert (missed.confirmed, missed.faster) == (set(), set())


def test_what_looks_faster_goes_on_until_that_is_sure_or_time_is_up():
    logs = spread_out(math.log(0.8), 0.02, pairs=10)
    assert decide({"a": logs[:6]}).decided == {}
    assert decide({"a": logs[:6]}, last=True).decided == {"a": "pass"}
    looked_before = Decisions({"a": 0.05})
    for last in (False, True):
        looked_before.consider({"a": logs[:6]}, last=last)
    assert looked_before.decided == {"a": "pass"}
    assert decide({"a": logs}).decided == {"a": "pass"}


def test_a_decision_stays():
    logs = [0.0] * 6 + [0.5] * 26
    assert decide({"a": logs}).decided == {"a": "pass"}


def test_nothing_is_decided_between_looks():
    assert decide({"a": [0.0] * 7}).looks == [look_at(6)]
    assert decide({"a": [0.0] * 5}).decided == {}


def test_when_time_is_up_the_next_looks_levels_are_spent():
    logs = spread_out(math.log(1.2), 0.01, pairs=9)
    assert decide({"a": [*logs[:7], -1.0, 0.2]}).decided == {}
    assert decide({"a": logs}, last=True).decided == {"a": "fail"}


def test_a_dropped_benchmark_is_not_asked_about():
    decisions = Decisions({"a": 0.05, "b": 0.05})
    decisions.drop("b")
    decisions.consider({"a": [0.0] * 6})
    assert decisions.open == []


def test_an_estimates_interval_holds_its_ratio_and_says_what_it_covers():
    even = np.linspace(-0.05, 0.05, 8)
    found = estimate(math.log(1.1) + even, 0.01)
    assert found.ratio == pytest.approx(1.1)
    assert found.low < found.ratio < found.high
    assert found.coverage == pytest.approx(1 - 2 * 6 / 256)
    assert (found.n, found.p) == (8, 0.01)


def test_two_pairs_have_an_interval_of_a_half():
    found = estimate([0.0, 0.1])
    assert (found.low, found.high) == pytest.approx((1, math.exp(0.1)))
    assert found.coverage == 0.5


def test_more_pairs_detect_less():
    few, many = spread_out(0, 0.04, 8), spread_out(0, 0.04, 32)
    assert 0 < detectable(many, 0.01, 8) < detectable(few, 0.01, 8)


@pytest.mark.parametrize("benchmarks", [1, 4, 8])
def test_what_is_called_detectable_is_confirmed_in_about_nine_gates_of_ten(benchmarks):
    """By trying: gates of twelve pairs, one of whose benchmarks is slower in every pair."""
    pairs, sd, gates = 12, 0.03, 400
    even = stats.norm.ppf((np.arange(pairs) + 0.5) / pairs, scale=sd)
    share = detectable(even, 0.01, benchmarks)
    logs = np.random.default_rng(1).normal(0, sd, (gates, pairs, benchmarks))
    logs[..., 0] += math.log1p(share)
    confirmed = sum(slower_p(each)[0] <= look_at(pairs).alarm for each in logs)
    assert confirmed / gates == pytest.approx(0.9, abs=0.05)


def test_nothing_below_the_tolerance_is_called_detectable():
    assert detectable(spread_out(0, 0.001, 8), 0.05) == 0.05


def test_nine_pairs_can_fail_where_they_are_the_last_and_eight_cannot():
    logs = spread_out(math.log(1.2), 0.001, pairs=LEAST_TO_FAIL)
    assert decide({"a": logs}, last=True).decided == {"a": "fail"}
    assert decide({"a": logs[:-1]}, last=True).decided == {}


def test_a_confirmed_slowdown_fails_at_the_end_unless_one_of_the_tolerance_is_ruled_out():
    """Slower by 4 % for sure; whether by 5 %, only the last pairs can tell."""
    rough = spread_out(math.log(1.04), 0.02, pairs=10)
    assert decide({"a": rough}).decided == {}
    assert decide({"a": rough}).confirmed == {"a"}
    assert decide({"a": rough}, last=True).decided == {"a": "fail"}
    precise = spread_out(math.log(1.04), 0.002, pairs=10)
    assert decide({"a": precise}, last=True).decided == {"a": "pass"}


def test_what_would_pass_in_any_order_is_no_longer_timed():
    """Its sizes alone rule the slowdown out, whatever their signs; so p-values stay exact."""
    small, mixed = [0.01, -0.02, 0.03] * 2, [-0.06, 0.01, -0.03] * 2
    decisions = decide({"small": small, "mixed": mixed}, last=True)
    assert decisions.decided == dict.fromkeys(("small", "mixed"), "pass")
    assert decisions.timed == ["mixed"]


def test_what_failed_is_no_longer_timed_and_the_others_are_judged_without_it():
    slow, other = spread_out(math.log(1.3), 0.01, 12), spread_out(0.0, 0.2, 12)
    decisions = Decisions({"slow": 0.05, "other": 0.05})
    for seen in range(1, 13):
        logs = {"slow": slow[:seen], "other": other[:seen]}
        decisions.consider({name: logs[name] for name in decisions.timed})
    assert decisions.decided["slow"] == "fail"
    assert "slow" not in decisions.timed
    assert decisions.p["other"] == pytest.approx(slower_p(np.array([other]).T)[0])


@pytest.mark.slow
def test_what_is_called_detectable_is_mostly_detected():
    """At 4.5 % from pair to pair, 16 pairs: eight gates in ten or more detect it."""
    share = detectable(stats.norm.ppf((np.arange(16) + 0.5) / 16, scale=0.045), 0.01, 8)
    rng = np.random.default_rng(0)
    runs = [simulate(rng, normal, slower=share, tolerance=0.01) for _ in range(100)]
    assert sum(run.decided.get(0) == "fail" and run.pairs[0] <= 16 for run in runs) >= 80


@pytest.mark.parametrize("sd", [0.04, 0.045])
def test_as_many_more_pairs_as_are_said_mostly_pass_unchanged_code_and_half_of_them_do_not(sd):
    pairs = 6 + pairs_to_pass(spread_out(0, sd * (1 - 1 / 6) ** 0.5, 6), 0.05)

    def passing(count):
        rng = np.random.default_rng(0)
        gates = [rng.normal(0, sd, count).tolist() for _ in range(60)]
        return np.mean([decide({"a": each}, last=True).decided == {"a": "pass"} for each in gates])

    assert passing(pairs) >= 0.7
    assert passing(pairs // 2) <= 0.5


def test_noisier_pairs_need_more_of_them():
    assert pairs_to_pass(spread_out(0, 0.1, 8), 0.05) > pairs_to_pass(spread_out(0, 0.03, 8), 0.05)
    assert pairs_to_pass(spread_out(0, 0.001, 8), 0.05) == 1


#: Simulated suites, and alarms that come to more once in 200 times at most, at 1 % each.
SUITES = pytest.mark.parametrize(
    ("suites", "most"), [(20, 2), pytest.param(150, 5, marks=pytest.mark.long)]
)


@SUITES
@pytest.mark.parametrize("noise", SIMULATED)
def test_unchanged_code_raises_no_alarm_in_99_of_100_suites(noise, suites, most):
    """Of 8 benchmarks each."""
    rng = np.random.default_rng(0)
    assert sum(simulate(rng, SIMULATED[noise]).alarm for _ in range(suites)) <= most


@SUITES
def test_recorded_noise_raises_no_alarm_in_99_of_100_suites(suites, most):
    """Consecutive runs that get slower and slower, by a few percent of noise each."""
    rng = np.random.default_rng(0)
    recorded = np.cumsum(rng.standard_t(3, (40, 2)) * 0.1 + 0.02, axis=0)
    assert sum(simulate(rng, replayed(recorded)).alarm for _ in range(suites)) <= most


@pytest.mark.parametrize(
    ("sd", "within", "gates"),
    [
        (0.03, 10, 40),
        pytest.param(0.045, 16, 100, marks=pytest.mark.slow),
        pytest.param(0.03, 10, 100, marks=pytest.mark.slow),
    ],
)
def test_a_slowdown_of_a_tenth_is_detected(sd, within, gates):
    rng = np.random.default_rng(0)
    runs = [simulate(rng, normal, sd=sd, slower=0.10) for _ in range(gates)]
    detected = sum(run.decided.get(0) == "fail" and run.pairs[0] <= within for run in runs)
    assert detected >= 0.9 * gates


def test_in_a_fixed_order_a_drift_would_raise_alarms():
    """With the candidate always in the same slot, drift looks like a slowdown."""
    rng = np.random.default_rng(0)

    def alarm():
        logs = SIMULATED["linear drift"](rng, (32, 1), 0.02)[:, 0].tolist()
        return decide({"a": logs}).decided.get("a") == "fail"

    assert sum(alarm() for _ in range(20)) == 20
