"""Libraries that NVIDIA's packages install are loaded before TensorFlow looks for them."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from tl_core.devices import load_libraries


@pytest.fixture
def packages(tmp_path, monkeypatch):
    """A folder of packages with one file as NVIDIA's package of cuSOLVER has it."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    folder = tmp_path / "nvidia" / "cusolver" / "lib"
    folder.mkdir(parents=True)
    return folder


def test_a_library_that_is_there_is_loaded(packages):
    # Any library will do; this one is surely of this machine's kind.
    source = next(Path(np.__file__).parent.rglob("_umath_linalg*.so"))
    target = packages / "libcusolver.so.11"
    shutil.copy(source, target)
    if not Path("/proc/self/maps").exists():
        pytest.skip("this system doesn't list a process's libraries")
    if target not in load_libraries():
        pytest.skip("NumPy's library can't be loaded from elsewhere")
    assert str(target) in Path("/proc/self/maps").read_text()


def test_one_that_cant_be_loaded_is_left_to_tensorflow(packages):
    (packages / "libcusolver.so.11").write_text("no library")
    assert packages / "libcusolver.so.11" not in load_libraries()
