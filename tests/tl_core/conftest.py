"""A tiny model and a few embedded images; the embedded model where it is what is tested."""

import pytest

from tl_core.data import load_data
from tl_core.extractor import FeatureExtractor


@pytest.fixture(scope="session")
def patches():
    return load_data("photo-patches").head(96, 60)


@pytest.fixture(scope="session")
def extractor(tiny_model):
    return FeatureExtractor(tiny_model)
