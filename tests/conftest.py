"""No network but this machine's own, a cache of the run's own, and a quiet TensorFlow."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import pytest_socket
from hypothesis import settings

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parent.parent
# A slow or busy machine is no failure of the code.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# As set_threads sets it: a job may then follow a test that started TensorFlow in this process.
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")


def pytest_runtest_setup() -> None:
    """Refuse every connection that leaves this machine."""
    pytest_socket.socket_allow_hosts(["127.0.0.1", "::1", "localhost"], allow_unix_socket=True)


def pytest_runtest_teardown() -> None:
    """Give sockets back as they were, for pytest's own plugins."""
    pytest_socket._remove_restrictions()


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory):
    """Models converted once a test run, in a folder that is new: nothing old can pass a test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TLBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("TFHUB_CACHE_DIR", raising=False)
        patch.delenv("TLBENCH_DATA", raising=False)
        patch.delenv("TLBENCH_DOWNLOAD", raising=False)
        # Of a run on several workers, which pytest-benchmark in a test's own pytest is none of.
        patch.delenv("PYTEST_XDIST_WORKER", raising=False)
        yield


@pytest.fixture(scope="session")
def shared_models():
    """Folder of the real MobileNetV2 modules, beside the checkout."""
    folder = ROOT.parent / "shared" / "models"
    if not folder.is_dir():
        pytest.skip("the real MobileNetV2 modules are not beside this checkout")
    return folder
