"""Empty places to look for data sets in, so that no copy on this machine is found."""

import pytest


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Empty places to look into; the one that TLBENCH_DATA names is returned."""
    monkeypatch.setenv("TLBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("TLBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("TLBENCH_DOWNLOAD", raising=False)
    return tmp_path / "data"
