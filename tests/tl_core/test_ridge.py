"""The closed-form head is scikit-learn's ridge regression, in either space."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from tl_core.errors import ModelError
from tl_core.head import ridge_head


def problem(images, features, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 4, images)
    centres = rng.normal(size=(4, features))
    rows = (centres[labels] + rng.normal(size=(images, features))) * rng.uniform(0.1, 9, features)
    return (rows + 3).astype(np.float32), labels


@pytest.mark.parametrize(("images", "features"), [(200, 20), (20, 200), (50, 50)])
@pytest.mark.parametrize("strength", [0.01, 1.0])
def test_logits_are_scikit_learns(images, features, strength):
    rows, labels = problem(images, features)
    kernel, bias = ridge_head(rows, labels, 4, strength)
    scaler = StandardScaler().fit(rows)
    reference = Ridge(alpha=strength * images).fit(scaler.transform(rows), np.eye(4)[labels])
    expected = reference.predict(scaler.transform(rows))
    np.testing.assert_allclose(rows @ kernel + bias, expected, atol=2e-3)
    assert kernel.dtype == bias.dtype == np.float32


def test_a_feature_that_never_changes_does_no_harm():
    rows, labels = problem(60, 8)
    rows[:, 3] = 5.0
    kernel, bias = ridge_head(rows, labels, 4, 0.1)
    assert np.isfinite(kernel).all()
    assert ((rows @ kernel + bias).argmax(axis=1) == labels).mean() > 0.8


@pytest.mark.parametrize(("spread", "counts"), [(1e-7, False), (5e-5, False), (1e-3, True)])
def test_a_feature_that_varies_by_its_rounding_does_not_count(spread, counts):
    """Its values depend on the device; of the same images, another one gives other values."""
    rows, labels = problem(60, 8)
    rows[:, 3] = 1 + spread * np.random.default_rng(1).choice([-1, 1], len(rows))
    kernel, bias = ridge_head(rows, labels, 4, 0.1)
    assert bool(np.abs(kernel[3]).max() > 0) is counts
    if not counts:
        others = np.delete(rows, 3, axis=1)
        expected_kernel, expected_bias = ridge_head(others, labels, 4, 0.1)
        expected = others @ expected_kernel + expected_bias
        np.testing.assert_allclose(rows @ kernel + bias, expected, atol=1e-4)


def test_the_features_stay_as_they_are():
    rows, labels = problem(30, 8)
    before = rows.copy()
    ridge_head(rows, labels, 4)
    np.testing.assert_array_equal(rows, before)


@pytest.mark.parametrize("strength", [0, -1, float("nan")])
def test_a_strength_that_is_none_is_refused(strength):
    rows, labels = problem(30, 8)
    with pytest.raises(ModelError, match="expected a number above 0"):
        ridge_head(rows, labels, 4, strength)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_not_finite_are_refused(value):
    rows, labels = problem(30, 8)
    rows[3, 5] = value
    with pytest.raises(ModelError, match="not finite"):
        ridge_head(rows, labels, 4)


def test_no_images_are_refused():
    with pytest.raises(ModelError, match="0 images"):
        ridge_head(np.empty((0, 8), np.float32), np.empty(0, np.int64), 4)
