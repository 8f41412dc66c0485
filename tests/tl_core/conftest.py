"""A tiny model and a few embedded images; the embedded model where it is what is tested."""

from dataclasses import replace

import pytest

from tl_core import limits
from tl_core.data import load_data
from tl_core.extractor import FeatureExtractor


@pytest.fixture
def limited():
    """Set some limits on what a file may cost, such as ``limited(archive_bytes=1000)``."""
    before = limits.limits()
    yield lambda **changes: limits.set_limits(replace(before, **changes))
    limits.set_limits(before)


@pytest.fixture(scope="session")
def patches():
    return load_data("photo-patches").head(96, 60)


@pytest.fixture(scope="session")
def extractor(tiny_model):
    return FeatureExtractor(tiny_model)
