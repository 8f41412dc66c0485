"""Real images at a small size, and what the reference makes of them."""

import pytest

from tl_core.engines import NetworkSettings, open_model

SIZE = 64


@pytest.fixture(scope="session")
def reference():
    return open_model("efficientnet-lite0", "features", "tensorflow", NetworkSettings(SIZE)).network
