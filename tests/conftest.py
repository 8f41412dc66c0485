"""No network but this machine's own, a cache of the run's own, and a quiet TensorFlow."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
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
# A shell ignores Ctrl-C for what it starts in the background; children would inherit that.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


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
        # A process for each model of a test would cost seconds: ``test_trial`` has these tests.
        patch.setattr("tl_core.models.module.check_answers", lambda *_, **__: None)
        patch.setenv("TLBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        patch.delenv("TFHUB_CACHE_DIR", raising=False)
        patch.delenv("TLBENCH_DATA", raising=False)
        patch.delenv("TLBENCH_DOWNLOAD", raising=False)
        # Of a run on several workers, which pytest-benchmark in a test's own pytest is none of.
        patch.delenv("PYTEST_XDIST_WORKER", raising=False)
        yield


@pytest.fixture(scope="session")
def tiny_model(own_cache, tmp_path_factory):
    """Handle of a tiny image model, for tests of anything but the embedded model itself.

    A SavedModel folder as Hub serves it, as text: two convolutions of fixed weights from float32
    RGB in [0, 1] of any size (its own is 32 pixels) to 2048 features. Every engine runs it, in
    milliseconds. A head that learns from the first 400 photo-patches beats the floor for jobs
    without a derivation (about 0.4 of 60 test images; fewer images don't do). It is made once per
    test process, in about a second.

    In this process: ``FeatureExtractor(tiny_model)``. For a run of the suite or a command:
    ``--model`` with it, as in ``pytester.runpytest("--benchmark", "--model", tiny_model)``.
    Its classifier of 1000 outputs lies beside it, so that the stage ``classify`` runs too: see
    ``tiny_classifier``. The folders' names are what results show: ``tiny-feature-vector``.
    """
    from tl_core.models.trial import mark_as_tried

    folder = tmp_path_factory.mktemp("models")
    for name, classes in (("tiny-feature-vector", None), ("tiny-classification", 1000)):
        (folder / name).mkdir()
        _save_tiny_model(folder / name, classes)
        mark_as_tried(folder / name)  # for runs in processes of their own
    return str(folder / "tiny-feature-vector")


@pytest.fixture
def small_disk(tmp_path):
    """Mount a file system of so many bytes: ``small_disk(100_000)`` is its folder."""
    folders = []

    def mount(size):
        folder = tmp_path / f"disk{len(folders)}"
        folder.mkdir()
        if shutil.which("mount") is None:
            pytest.skip("this system has no mount")
        done = _mounted("-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder)
        if done.returncode:
            pytest.skip(f"a small file system can't be mounted here: {done.stderr.strip()}")
        folders.append(folder)
        return folder

    yield mount
    for folder in folders:
        subprocess.run(["umount", "--lazy", folder], check=True)


def _mounted(*arguments):
    command = ["mount", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def tiny_classifier(tiny_model):
    """Handle of ``tiny_model``'s classifier: as many logits as ImageNet has classes, untrained."""
    return tiny_model.replace("feature-vector", "classification")


def _save_tiny_model(folder, classes):
    """Write two convolutions and a random projection, and a classifier where it has classes."""
    import numpy as np
    import tensorflow as tf

    from tl_core.models.export import save_module

    rng = np.random.default_rng(20180307)
    shapes = {"stem": (3, 3, 3, 32), "depthwise": (3, 3, 32, 1), "projection": (32, 2048)}
    if classes:
        shapes["classifier"] = (2048, classes)
    spread = {"projection": 1.5, "classifier": 0.05}
    weights = {
        name: tf.Variable(rng.normal(0, spread.get(name, 0.5), shape).astype(np.float32), name=name)
        for name, shape in shapes.items()
    }

    def forward(images, training):
        del training
        x = tf.nn.relu6(tf.nn.conv2d(2 * images - 1, weights["stem"], 2, "SAME"))
        x = tf.nn.relu6(tf.nn.depthwise_conv2d(x, weights["depthwise"], (1, 2, 2, 1), "SAME"))
        x = tf.tanh(tf.matmul(tf.reduce_mean(x, (1, 2)) - 0.5, weights["projection"]))
        return tf.matmul(x, weights["classifier"]) if classes else x

    variables = list(weights.values())
    save_module(folder, forward, variables, image_shape=(None, None, 3), image_size=32)


@pytest.fixture(scope="session")
def shared_models():
    """Folder of the real MobileNetV2 modules, beside the checkout."""
    folder = ROOT.parent / "shared" / "models"
    if not folder.is_dir():
        pytest.skip("the real MobileNetV2 modules are not beside this checkout")
    return folder
