"""Seeded orders and splits that come out the same on every machine and NumPy version."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def permutation(n: int, bits: np.random.BitGenerator) -> NDArray[np.int64]:
    """The numbers 0 to n - 1 in random order, int64 ``(n,)``.

    NumPy promises that a bit generator's raw stream never changes; ``Generator.permutation`` it
    may change with any release. A stable sort settles the (2^-64) chance of a tie.
    """
    return np.argsort(bits.random_raw(n), kind="stable")


def stratified_split(
    labels: NDArray[np.int64], test_share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Divide images into train and test with the same mix of classes in each.

    scikit-learn's ``train_test_split`` can leave a small class without a test image; here each
    class has at least one, and at least one train image.

    Args:
        labels: int64 ``(n,)``, at least two of each class.
        test_share: Share of each class that goes to test, 0 to 1, rounded to whole images.
        seed: Of split and order.

    Returns:
        Positions of the train and of the test images, int64, both shuffled.
    """
    bits = np.random.PCG64(seed)
    train, test = [], []
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        members = members[permutation(len(members), bits)]
        n_test = min(max(round(test_share * len(members)), 1), len(members) - 1)
        test.append(members[:n_test])
        train.append(members[n_test:])
    return _shuffled(train, bits), _shuffled(test, bits)


def _shuffled(parts: list[NDArray[np.int64]], bits: np.random.BitGenerator) -> NDArray[np.int64]:
    whole = np.concatenate(parts)
    return whole[permutation(len(whole), bits)]
