"""False alarms of gates of unchanged code are counted, with an exact interval."""

import pytest
from scipy.stats import binomtest

from tlbench.gate.false_alarms import false_alarms
from tlbench.gate.verdict import Report, Verdict


def gates(**counts):
    reports = []
    for status, count in counts.items():
        reports += [Report("a", "a", (Verdict("x", status, ""),))] * count
    return false_alarms(reports)


def test_they_are_counted_and_said_in_a_line():
    alarms = gates(**{"pass": 7, "fail": 1, "inconclusive": 2})
    assert (alarms.gates, alarms.alarms, alarms.undecided) == (10, 1, 2)
    expected = binomtest(1, 10).proportion_ci(0.95, method="exact")
    assert (alarms.low, alarms.high) == pytest.approx((expected.low, expected.high))
    assert str(alarms) == (
        "1 false alarm in 10 gates of unchanged code (0.3 % to 44.5 %, exact 95 % interval); "
        "2 inconclusive"
    )


@pytest.mark.parametrize(("failed", "holds"), [(0, True), (1, True), (2, False), (5, False)])
def test_the_promise_holds_while_the_interval_has_one_percent(failed, holds):
    assert gates(**{"pass": 20 - failed, "fail": failed}).holds == holds
