"""A row's timing quality says whether its rounds can be trusted, and why not."""

import pytest

from tlbench.timing.quality import timing_quality

STEADY = [1.00, 1.01, 0.99, 1.02, 1.00, 1.01]


@pytest.mark.parametrize(
    ("seconds", "options", "label", "reason"),
    [
        (STEADY, {}, "steady", ""),
        ([2.0], {"warmed_up": None}, "single", "one round"),
        (STEADY, {"warmed_up": False}, "cold", "warm-up did not converge"),
        ([1, 1.1, 1.2, 1.3, 1.4], {}, "drifting", "33 % slower from first to last round"),
        ([1.4, 1.3, 1.2, 1.1, 1], {}, "drifting", "33 % faster"),
        ([1, 1.3, 1, 1.4, 1.1, 0.9], {}, "noisy", "of the median"),
        (STEADY, {"disturbances": ["others used 40 % of the CPUs"]}, "noisy", "others used 40 %"),
        (STEADY, {"unfinished": 0.5}, "unsynchronised", "50 % of a round"),
        ([1, 1.001, 1.002, 1.003, 1.004], {}, "steady", ""),
        (STEADY, {"throttled": ["GPU 0: heat"]}, "throttled", "in every round: GPU 0: heat"),
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
        "throttled",
    ],
)
def test_a_row_is_named_by_what_was_seen(seconds, options, label, reason):
    quality = timing_quality(seconds, **({"warmed_up": True} | options))
    assert quality.label == label
    assert reason in str(quality)


def test_the_gravest_reason_names_the_row_and_all_are_given():
    quality = timing_quality([1, 1.2, 1.4, 1.6, 1.8], warmed_up=False, disturbances=["steal 9 %"])
    assert quality.label == "cold"
    assert len(quality.reasons) == 4
    assert str(quality).startswith("cold: warm-up did not converge; ")
