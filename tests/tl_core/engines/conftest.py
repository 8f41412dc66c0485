"""The reference's network for the tiny model."""

import pytest

from tl_core.engines import open_model
from tl_core.models import NetworkSettings

SIZE = 32


@pytest.fixture(scope="session")
def reference(tiny_model):
    return open_model(tiny_model, "features", "tensorflow", NetworkSettings(SIZE)).network
