"""Counts of predictions, and intervals of shares, against independent references."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import confusion_matrix

from tlbench.stats.proportions import confusion, wilson


def wilson_by_scipy(correct, n):
    interval = binomtest(correct, n).proportion_ci(0.95, method="wilson")
    return interval.low, interval.high


def counted(matrix, names):
    """The confusion of predictions that make up a matrix."""
    rows, columns = (
        np.repeat(each, np.ravel(matrix)) for each in np.indices(np.shape(matrix)).reshape(2, -1)
    )
    return confusion(rows, columns, names)


def test_the_matrix_is_scikit_learns():
    rng = np.random.default_rng(0)
    labels, predictions = rng.integers(0, 7, (2, 200))
    ours = confusion(labels, predictions, list("abcdefg"))
    expected = confusion_matrix(labels, predictions, labels=range(7))
    np.testing.assert_array_equal(ours.matrix, expected)
    assert (ours.n, ours.correct) == (200, (labels == predictions).sum())
    assert ours.interval == pytest.approx(wilson_by_scipy(int(ours.correct), 200))


@pytest.mark.parametrize(("correct", "n"), [(0, 1), (3, 7), (50, 50), (499, 1000)])
def test_the_interval_is_wilsons(correct, n):
    assert wilson(correct, n) == pytest.approx(wilson_by_scipy(correct, n), abs=1e-12)


def test_each_class_has_its_own_share_and_what_it_was_mistaken_for():
    ours = counted([[8, 2, 0], [0, 0, 0], [1, 3, 6]], ["a", "b", "c"])
    first, none, last = ours.classes
    assert (first.n, first.correct, first.accuracy, first.mistaken_for) == (10, 8, 0.8, ("b", 2))
    assert first.interval == pytest.approx(wilson_by_scipy(8, 10))
    assert (none.n, none.accuracy, none.interval, none.mistaken_for) == (0, None, None, None)
    assert (last.accuracy, last.mistaken_for) == (0.6, ("b", 3))
    assert ours.pairs == [("c", "b", 3), ("a", "b", 2), ("c", "a", 1)]


def test_classes_that_nothing_is_of_have_their_place():
    ours = confusion(np.array([0, 0, 1]), np.array([0, 1, 0]), ["a", "b", "c"])
    np.testing.assert_array_equal(ours.matrix, [[1, 1, 0], [1, 0, 0], [0, 0, 0]])
    assert [each.n for each in ours.classes] == [2, 1, 0]
