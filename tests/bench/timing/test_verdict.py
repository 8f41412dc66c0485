"""Verdicts say in words what is to be thought of a row, and why."""

import pytest

from tlbench.timing.verdict import judge

STEADY = [1.00, 1.01, 0.99, 1.02, 1.00, 1.01]


@pytest.mark.parametrize(
    ("seconds", "options", "word", "reason"),
    [
        (STEADY, {}, "steady", ""),
        ([2.0], {"warmed": None}, "single", "one round"),
        (STEADY, {"warmed": False}, "cold", "warm-up did not converge"),
        ([1, 1.1, 1.2, 1.3, 1.4], {}, "drifting", "33% slower from first to last round"),
        ([1.4, 1.3, 1.2, 1.1, 1], {}, "drifting", "33% faster"),
        ([1, 1.3, 1, 1.4, 1.1, 0.9], {}, "noisy", "of the median"),
        (STEADY, {"disturbed": ["others used 40 % of the CPUs"]}, "noisy", "others used 40 %"),
        (STEADY, {"unfinished": 0.5}, "unsynchronised", "50% of a round"),
        ([1, 1.001, 1.002, 1.003, 1.004], {}, "steady", ""),
    ],
    ids=[
        "steady",
        "single",
        "cold",
        "slower",
        "faster",
        "noisy",
        "disturbed",
        "async",
        "tiny trend",
    ],
)
def test_a_row_is_named_by_what_was_seen(seconds, options, word, reason):
    verdict = judge(seconds, **({"warmed": True} | options))
    assert verdict.word == word
    assert reason in str(verdict)


def test_the_gravest_reason_names_the_row_and_all_are_kept():
    verdict = judge([1, 1.2, 1.4, 1.6, 1.8], warmed=False, disturbed=["steal 9 %"])
    assert verdict.word == "cold"
    assert len(verdict.reasons) == 4
    assert str(verdict).startswith("cold: warm-up did not converge; ")
