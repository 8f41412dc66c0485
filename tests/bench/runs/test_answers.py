"""Accuracy is lost only where more images are than chance and the tolerance explain."""

import base64
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import fisher_exact

from tlbench.runs.answers import NotComparableError, accuracy_change, pack, unpack
from tlbench.stats.proportions import AccuracyChange


def answers(both, only_base, only_head, none):
    """Base's and head's answers to so many images each."""
    base = np.repeat([True, True, False, False], [both, only_base, only_head, none])
    head = np.repeat([True, False, True, False], [both, only_base, only_head, none])
    return base, head


def info(accuracy, correct=None, **more):
    return {"accuracy": accuracy, "correct": correct, **more}


@given(st.lists(st.booleans(), min_size=1, max_size=70))
def test_what_is_packed_is_unpacked(values):
    correct = np.array(values)
    assert np.array_equal(unpack(pack(correct), len(values)), correct)


@pytest.mark.parametrize("count", [1, 7, 8, 9, 10_000])
def test_packed_bits_beyond_the_images_are_0(count):
    packed = base64.b64decode(pack(np.ones(count, bool)))
    assert np.unpackbits(np.frombuffer(packed, np.uint8)).sum() == count


@pytest.mark.parametrize(
    ("text", "count", "message"),
    [
        ("?", 1, "no base64 text"),
        ("gA", 1, "no base64 text"),
        (7, 1, "no base64 text"),
        ("é", 1, "no base64 text"),
        ("", 1, "0 bits, expected those of 1 images"),
        ("gA==", 9, "8 bits, expected those of 9 images"),
        ("gIA=", 8, "16 bits, expected those of 8 images"),
        ("gAA=", 8, "16 bits, expected those of 8 images"),
        ("AQ==", 7, "8 bits, expected those of 7 images"),
    ],
)
def test_what_is_no_packed_text_is_named(text, count, message):
    with pytest.raises(ValueError, match=message):
        unpack(text, count)


def test_equal_numbers_of_right_answers_can_hide_nothing():
    """Unpaired, 10 images of 500 are within chance; paired, losing 10 and winning none isn't."""
    base, head = answers(440, 10, 0, 50)
    paired = accuracy_change(
        info(0.9, pack(base), test_size=500), info(0.88, pack(head), test_size=500)
    )
    unpaired = accuracy_change(info(0.9, test_size=500), info(0.88, test_size=500))
    assert paired.p == pytest.approx(2**-10)
    assert unpaired.p == pytest.approx(
        fisher_exact([[450, 50], [440, 60]], alternative="greater").pvalue
    )
    assert unpaired.p > 0.1


def test_a_strangers_own_word_correct_is_left_alone():
    change = accuracy_change(info(0.9, 450, test_size=500), info(0.7, 350, test_size=500))
    assert (change.lost, change.won) == (100, 0)
    back = accuracy_change(info(0.7, test_size=500), info(0.9, test_size=500))
    assert (back.lost, back.won) == (0, 100)


def test_without_a_number_of_images_any_loss_counts_as_real():
    assert accuracy_change(info(0.90), info(0.85)) == AccuracyChange(0.90, 0.85, 0, 0, 0, 0.0)
    assert accuracy_change(info(0.85), info(0.90)).p == 1.0
    assert accuracy_change(info(0.90), info(0.90)).p == 1.0
    assert accuracy_change(info(1), info(0)) == AccuracyChange(1.0, 0.0, 0, 0, 0, 0.0)


@pytest.mark.parametrize(
    ("base", "head"), [({}, {}), (info(0.9), {}), ({}, info(0.9)), (info(None), info(0.9))]
)
def test_without_an_accuracy_there_is_no_change(base, head):
    assert accuracy_change(base, head) is None


@pytest.mark.parametrize(
    ("base", "head", "message"),
    [
        (info(0.9, data_fingerprint="a"), info(0.9, data_fingerprint="b"), "fingerprint a -> b"),
        (info(0.9, test_size=10), info(0.9, test_size=20), "test_size 10 -> 20"),
        (info(0.9, test_size=10), info(0.9), "test_size 10 -> None"),
        (info(90), info(0.9), "accuracy 90: expected a share"),
        (info(0.9), info(-0.5), "accuracy -0.5: expected a share"),
        (info(0.9), info("high"), "accuracy 'high': expected a share"),
        (info(0.9), info(float("nan")), "accuracy nan: expected a share"),
        (info(1.0, "?", test_size=1), info(1.0, "gA==", test_size=1), "no base64"),
    ],
)
def test_what_cannot_be_compared_is_said(base, head, message):
    with pytest.raises(NotComparableError, match=message):
        accuracy_change(base, head)


@pytest.mark.parametrize(
    "info",
    [
        {"test_size": "many"}, {"test_size": -1}, {"test_size": 0}, {"test_size": 10**400},
        {"test_size": 1.5}, {"accuracy": 10**400}, {"accuracy": math.nan}, {"accuracy": []},
    ],
    ids=str,
)  # fmt: skip
def test_an_accuracy_that_means_nothing_is_not_comparable(info):
    whole = {"accuracy": 0.5, "test_size": 10} | info
    with pytest.raises(NotComparableError):
        accuracy_change(whole, whole)
