"""The gate's studies count verdicts correctly, and their figures hold what the guide promises."""

import json

import numpy as np
import pytest
from scipy import stats

from bench.studies.files import STUDIES, read_study
from bench.studies.gate_rules import RULES, mann_whitney, mean_grew, rate, scenario, welch


def test_no_simulated_noise_raises_more_alarms_than_promised():
    study = read_study("gate-simulation.json")
    assert len(study["unchanged"]) >= 6
    for each in study["unchanged"].values():
        assert each["gates"] >= 4_000
        assert each["alarms"] / each["gates"] <= study["promised"] == 0.01
    assert all(each["found"] >= 0.9 * each["gates"] for each in study["slower"])
    found = {(each["noise"], each["slower"], each["sd"]): each for each in study["slower"]}
    assert found["normal", 0.10, 0.045]["within_pairs"] == 16
    assert found["normal", 0.10, 0.03]["within_pairs"] == 10
    assert found["normal", 0.05, 0.022]["within_pairs"] == 24
    assert found["normal", 0.05, 0.024]["within_pairs"] == 14


def test_the_committed_table_is_made_of_the_committed_gates():
    study = read_study("gate.json")
    for name, found in study["scenarios"].items():
        files = sorted((STUDIES / "gates" / name).glob("*.json"))
        gates = [json.loads(path.read_text())["gates"][0] for path in files]
        slowed = ("test_extract",) if name.startswith("slower") else ()
        assert counts(scenario(gates, slowed)) == counts(found)


def counts(found):
    """What doesn't depend on the last bit of an interval's end."""
    rules = {
        f"{rule} {when} {what}": rate and (rate["count"], rate["of"])
        for rule, told in found["rules"].items()
        for when, rates in told.items()
        for what, rate in rates.items()
    }
    return rules, found["verdicts"], found["pairs"], found["seconds"]


def rounds(seed, ratio, n=6):
    rng = np.random.default_rng(seed)
    return list(rng.normal(1, 0.03, n)), list(ratio * rng.normal(1, 0.03, n))


@pytest.mark.parametrize("ratio", [0.8, 1.0, 1.04, 1.2])
@pytest.mark.parametrize("seed", range(5))
def test_the_rules_are_scipys_and_pytest_benchmarks(seed, ratio):
    base, head = rounds(seed, ratio)
    slower = np.median(head) > np.median(base)
    assert mann_whitney(base, head) == (stats.mannwhitneyu(base, head).pvalue < 0.05 and slower)
    p = stats.ttest_ind(base, head, equal_var=False).pvalue
    assert welch(base, head) == (p < 0.05 and np.mean(head) > np.mean(base))
    assert mean_grew(base, head) == (np.mean(head) / np.mean(base) - 1 > 0.05)


def test_equal_rounds_are_never_slower():
    assert not any(rule([1.0] * 5, [1.0] * 5) for rule in (mean_grew, mann_whitney))


def _by_arm(pair):
    return {name: {"base": base, "head": head} for name, (base, head) in pair.items()}


def gate(verdicts, *pairs):
    """A gate whose pairs have (base, head) seconds of each benchmark."""
    benchmarks = [{"name": f"f::{name}", "verdict": word} for name, word in verdicts.items()]
    words = set(verdicts.values())
    return {
        "report": {
            "verdict": "fail" if "fail" in words else "pass",
            "seconds": 10.0,
            "benchmarks": benchmarks,
        },
        "pairs": [
            {
                "benchmarks": {
                    f"f::{name}": {arm: [s, 1.001 * s, 0.999 * s] for arm, s in timed.items()}
                    for name, timed in _by_arm(pair).items()
                }
            }
            for pair in pairs
        ],
    }


def test_what_was_slowed_is_found_and_anything_else_is_a_false_alarm():
    steady = {"a": (1.0, 1.2), "b": (1.0, 1.0)}
    # The machine was slow by half in the second pair: side by side it doesn't show.
    slow = {"a": (1.5, 1.8), "b": (1.5, 1.5)}
    gates = [
        gate({"a": "fail", "b": "pass"}, steady, slow),
        gate({"a": "pass", "b": "fail"}, steady, steady),
    ]
    found = scenario(gates, ("a",))
    assert found["verdicts"] == {"fail": 2}
    assert found["pairs"] == [2, 2]
    assert (found["ours"]["found"]["count"], found["ours"]["false"]["count"]) == (1, 1)
    rule = found["rules"]["mean:5%"]
    assert [rule["same_time"][key]["count"] for key in ("found", "false")] == [4, 0]
    assert [rule["in_turn"][key]["count"] for key in ("found", "false")] == [2, 1]
    assert rule["in_turn"]["found"]["of"] == 2
    assert found["benchmarks"]["a"]["ratio"] == pytest.approx(1.2)
    assert set(found["rules"]) == set(RULES)


def test_nothing_was_slowed_where_nothing_changed():
    found = scenario([gate({"a": "pass"}, {"a": (1.0, 1.0)}, {"a": (2.0, 2.1)})], ())
    assert found["ours"]["found"] is None
    assert found["ours"]["false"]["count"] == 0


def test_a_benchmark_that_was_left_out_of_later_pairs_is_no_alarm():
    gates = [gate({"a": "pass", "b": "fail"}, {"a": (1, 1), "b": (1, 2)}, {"a": (1, 1)})]
    assert scenario(gates, ())["rules"]["mean:5%"]["in_turn"]["false"]["count"] == 0


def test_a_rate_has_its_exact_interval():
    assert rate([True, False, False]) == {
        "count": 1,
        "of": 3,
        "interval": list(stats.binomtest(1, 3).proportion_ci(method="exact")),
    }
    assert rate([])["interval"] is None
