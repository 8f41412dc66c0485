"""The embedded model at a small size, and a few embedded images: real, and quick."""

import pytest

from tl_core.data import load_data
from tl_core.extractor import FeatureExtractor


@pytest.fixture(scope="session")
def patches():
    return load_data("photo-patches").head(96, 60)


@pytest.fixture(scope="session")
def extractor():
    return FeatureExtractor(image_size=96)
