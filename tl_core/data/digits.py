"""scikit-learn's handwritten digits: small and always available, for trials."""

from __future__ import annotations

import numpy as np

from tl_core.data.dataset import DataSet, Split, stratified_split
from tl_core.sources import ArraySource

#: Share of each class that goes to test: 359 of the 1,797 images.
TEST_SHARE = 0.2


def load(*, download: bool, seed: int) -> DataSet:
    """The data set ``digits``: 1,797 images of ten digits, uint8 8 x 8 RGB.

    Grey 0 to 16 is scaled to 0 to 255 and repeated over three channels. The seed decides the test
    images, one in five of each digit. Source: UCI's Optical Recognition of Handwritten
    Digits, as shipped with scikit-learn, so that nothing is downloaded.
    """
    del download
    from sklearn.datasets import load_digits

    bunch = load_digits()
    grey = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    pixels = np.repeat(grey[..., None], 3, axis=-1)
    labels = bunch.target.astype(np.int64)
    train, test = (
        Split(ArraySource(pixels[part]), labels[part])
        for part in stratified_split(labels, TEST_SHARE, seed)
    )
    return DataSet("digits", tuple(str(name) for name in bunch.target_names), train, test)
