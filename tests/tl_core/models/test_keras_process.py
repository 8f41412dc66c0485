"""Models of Keras are converted in another process, whatever their files do to it."""

import importlib.util
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import psutil
import pytest

from tl_core.errors import ModelError, StorageError
from tl_core.models import keras_files, open_module, own_process, resolve

IMAGES = np.random.default_rng(2).random((3, 8, 8, 3), dtype=np.float32)
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


def network(units=5):
    import keras

    layers = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(units)]
    return keras.Sequential([keras.layers.Input((8, 8, 3)), *layers])


def write_endless(path):
    """A file of whose texts HDF5's decoder never reaches the end: a part of no length."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"] = "2.15.0"
        file.attrs["model_config"] = "{}"
    content = bytearray(path.read_bytes())
    texts = content.index(b"GCOL")
    content[texts + 16 : texts + 32] = bytes(16)
    path.write_bytes(content)


def test_a_model_is_what_its_file_has(tmp_path, cache):
    model = network()
    model.save(tmp_path / "mine.keras")
    module = open_module(resolve(str(tmp_path / "mine.keras"), "logits"))
    np.testing.assert_allclose(module(IMAGES), model(IMAGES), rtol=1e-5, atol=1e-6)


def test_an_error_of_the_conversion_is_the_same_here(tmp_path, cache):
    (tmp_path / "mine.keras").write_bytes(b"no model")
    with pytest.raises(ModelError, match=r"^\S*mine\.keras: no whole Keras model \("):
        resolve(str(tmp_path / "mine.keras"), "features")
    assert not list((cache / "models").glob("*/saved_model.pb"))


@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ({"model_seconds": 2}, r"no answer within 2 s \(limit model_seconds\)"),
        ({"model_bytes": 30_000_000}, r"more than 0\.0 GB of memory \(limit model_bytes\)"),
    ],
    ids=["time", "memory"],
)
def test_a_file_that_keras_never_finishes_is_one_line(tmp_path, cache, limited, limit, message):
    write_endless(tmp_path / "mine.h5")
    limited(**limit)
    with pytest.raises(ModelError, match=rf"mine\.h5: Keras can't convert it .*{message}"):
        keras_files.convert(tmp_path / "mine.h5", "features", None)
    assert not list((cache / "models").iterdir())
    assert not psutil.Process().children()


@pytest.mark.slow
def test_an_endless_file_stays_endless_with_time_enough(tmp_path, cache, limited):
    write_endless(tmp_path / "mine.h5")
    limited(model_seconds=30)
    with pytest.raises(ModelError, match="no answer within 30 s"):
        keras_files.convert(tmp_path / "mine.h5", "features", None)


@pytest.mark.slow
def test_a_full_disk_is_told_from_a_model_that_fails(tmp_path, small_disk, monkeypatch):
    network(40_000).save(tmp_path / "mine.keras")
    monkeypatch.setenv("TLBENCH_CACHE", str(small_disk(200_000)))
    with pytest.raises(StorageError, match=r"can't be written \(No space left on device\)"):
        resolve(str(tmp_path / "mine.keras"), "logits")


@pytest.mark.slow
def test_a_folder_of_keras_hub_is_converted_there_too(tmp_path, cache):
    if importlib.util.find_spec("keras_hub") is None:
        pytest.skip("the extra keras-hub isn't installed")
    (tmp_path / "preset").mkdir()
    handle = f"keras_hub:{tmp_path / 'preset'}"
    with pytest.raises(ModelError, match=rf"^{handle}: no image classifier that can be loaded"):
        resolve(handle, "features")


@pytest.fixture
def functions(tmp_path, monkeypatch):
    """Functions for the process, and a program in the working folder that it must not run."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "given.py").write_text(
        "import errno, sys, time\n"
        "def doubled(number): print('noise'); return 2 * number\n"
        "def full(): raise OSError(errno.ENOSPC, 'No space left on device', '/a')\n"
        "def other(): raise LookupError('first\\nsecond')\n"
        "def leave(code): sys.stderr.write('no room\\n'); sys.exit(code)\n"
        "def wait(path): open(path, 'w').close(); time.sleep(600)\n"
    )
    (tmp_path / "json.py").write_text("raise SystemExit('a program of the working folder')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "mine")


def test_what_a_function_returns_or_raises_there_it_does_here(functions):
    assert own_process.in_own_process("given:doubled", number=4) == 8
    with pytest.raises(OSError, match="No space left") as full:
        own_process.in_own_process("given:full")
    assert full.value.filename == "/a"
    with pytest.raises(own_process.ProcessError, match="first\nsecond"):
        own_process.in_own_process("given:other")
    with pytest.raises(own_process.ProcessError, match=r"ended with code 3 \(no room\)"):
        own_process.in_own_process("given:leave", code=3)


@pytest.mark.skipif(sys.platform != "linux", reason="a process ends with its parent on Linux")
def test_the_process_ends_with_one_that_is_killed(functions, tmp_path):
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path / 'mine')!r})\n"
        "from tl_core.models.own_process import in_own_process\n"
        "in_own_process('given:wait', path='begun')"
    )
    with subprocess.Popen([sys.executable, "-P", "-c", code]) as parent:
        assert until(Path("begun").exists)
        (child,) = psutil.Process(parent.pid).children()
        os.kill(parent.pid, signal.SIGKILL)
    assert until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)


def until(condition, seconds=60):
    """Whether the condition has become true within so many seconds."""
    end = time.monotonic() + seconds
    while not (done := condition()) and time.monotonic() < end:
        time.sleep(0.05)
    return done
