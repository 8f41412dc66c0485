"""Which candidate is best, and which can't become it: by accuracy on the same images and speed."""

import numpy as np
import pytest

from tlbench.compare.selection import (
    DOMINATED,
    INACCURATE,
    SLOWER,
    Candidate,
    Rule,
    Selection,
    Trial,
)

IMAGES = 10_000


def trial(name, rate, wrong, images=IMAGES):
    """A candidate that gets every image right but those of some positions."""
    right = np.ones(images, bool)
    right[list(wrong)] = False
    return Trial(Candidate(name, 224, "openvino"), rate, right)


#: Most accurate and slow; the same but for 0.1 points; 3 points less; 3 points less and slow.
TOP = trial("top", 100, range(200))
NEAR = trial("near", 200, range(210))
FAR = trial("far", 300, range(500))
BAD = trial("bad", 50, range(500))


@pytest.mark.parametrize(
    ("trials", "best"),
    [
        pytest.param([TOP], TOP, id="the only one"),
        pytest.param([TOP, NEAR, FAR, BAD], NEAR, id="the fastest within the margin"),
        pytest.param([TOP, FAR, BAD], TOP, id="none within the margin is faster"),
        pytest.param([BAD, FAR], FAR, id="equally accurate, faster"),
        pytest.param(
            [TOP, trial("close", 103, range(210))], TOP, id="as fast: the more accurate counts"
        ),
    ],
)
def test_the_best_is_the_fastest_that_is_shown_to_be_nearly_as_accurate(trials, best):
    assert Rule(0.01).best(trials) is best


def test_what_few_images_cannot_show_is_not_assumed():
    few = [trial("top", 100, range(2), 100), trial("near", 200, range(2, 4), 100)]
    assert Rule(0.01).best(few).candidate.model == "near"  # equally accurate: nothing is given up
    few[1] = trial("near", 200, range(2, 5), 100)
    assert Rule(0.01).best(few).candidate.model == "top"
    assert Rule(margin=0.1).best(few).candidate.model == "near"


@pytest.mark.parametrize(
    ("trials", "losers"),
    [
        pytest.param([TOP], {}, id="the only one"),
        pytest.param([TOP, FAR], {"far": INACCURATE}, id="too inaccurate, however fast"),
        pytest.param([TOP, NEAR], {"top": SLOWER}, id="decided"),
        pytest.param(
            [TOP, NEAR, trial("open", 300, range(295))],
            {},
            id="the most accurate stays while others are compared with it",
        ),
        pytest.param(
            [TOP, NEAR, trial("slow", 90, range(205))],
            {"slow": SLOWER, "top": SLOWER},
            id="slower than one within the margin of all",
        ),
        pytest.param(
            [TOP, trial("worse", 100, range(260))],
            {"worse": DOMINATED},
            id="as fast, less accurate",
        ),
    ],
)
def test_what_cannot_become_best_is_dropped_with_the_reason(trials, losers):
    reasons = Rule(0.01).losers(trials)
    assert {candidate.model: reason for candidate, reason in reasons.items()} == losers


def test_candidates_of_different_samples_are_compared_on_the_images_of_both():
    half = trial("half", 200, range(50), 5_000)
    whole = trial("whole", 100, [*range(50), *range(5_000, 9_000)])
    assert Rule(0.01).difference(half, whole).value == 0
    assert Rule(0.01).most_accurate([whole, half]) is half


def test_several_looks_make_intervals_wider():
    once, often = Rule(0.01, looks=1), Rule(0.01, looks=4)
    assert once.confidence == pytest.approx(0.95)
    assert often.confidence == pytest.approx(1 - 0.05 / 4)
    assert often.interval(TOP)[0] < once.interval(TOP)[0] < TOP.accuracy


@pytest.mark.parametrize("seed", range(3))
def test_the_best_loses_more_than_the_margin_in_few_searches(seed):
    """A candidate that truly loses two points passes for one point in at most 5 % of samples."""
    rng = np.random.default_rng(seed)
    wrong, searches = 0, 300
    for _ in range(searches):
        hard = rng.random(1_000)
        top = Trial(Candidate("top", 224, "litert"), 100, hard < 0.95)
        low = Trial(Candidate("low", 224, "litert"), 200, (hard < 0.93) ^ (rng.random(1_000) < 0.0))
        wrong += Rule(0.01).best([top, low]) is low
    assert wrong / searches <= 0.05


def test_the_frontier_has_what_no_other_beats_in_both():
    selection = Selection(
        trials=(FAR, NEAR, TOP, BAD), best=NEAR, top=TOP, rule=Rule(0.01), decided=True,
        images=IMAGES, engines={}, refused={}, untried=(), seconds=1.0, budget_s=2.0,
    )  # fmt: skip
    assert {each.model for each in selection.frontier} == {"far", "near", "top"}
