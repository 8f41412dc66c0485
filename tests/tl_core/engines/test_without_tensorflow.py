"""Engines of other runtimes need no TensorFlow once a model was converted: memory and seconds."""

import os
import subprocess
import sys

import numpy as np
import pytest

from tl_core.engines.names import ENGINES
from tl_core.extractor import FeatureExtractor
from tl_core.transfer import TransferModel

JOB = """
import sys
import numpy as np
from tl_core.data import load_data
from tl_core.extractor import FeatureExtractor
from tl_core.transfer import TransferModel

data = load_data("photo-patches").head(400, 60)
extractor = FeatureExtractor(sys.argv[2], engine=sys.argv[1], threads=2, workers=2, chunk=4)
model = TransferModel(extractor, data.class_names)
model.fit(data.train.images, data.train.labels)
model.fit_ridge(extractor.extract(data.train.images), data.train.labels)
print(model.evaluate(data.test.images, data.test.labels).accuracy, "tensorflow" in sys.modules)
"""


RUNNING = """
import sys
import tensorflow as tf
from tl_core.extractor import FeatureExtractor

tf.constant(1) + 1  # now its threads can't be set any more
extractor = FeatureExtractor(sys.argv[1], engine="litert", image_size=40, threads=1)
print(extractor.opened.choice.workers)
"""


@pytest.mark.slow
def test_a_model_is_converted_while_tensorflow_runs_with_other_threads(tmp_path, tiny_model):
    done = subprocess.run(
        [sys.executable, "-c", RUNNING, tiny_model], capture_output=True, text=True, check=False,
        env=os.environ | {"TLBENCH_CACHE": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["1"]


@pytest.mark.parametrize(
    "engine",
    [
        pytest.param(name, marks=() if name == "litert" else pytest.mark.slow)
        for name, engine in sorted(ENGINES.items())
        if engine.runtime
    ],
)
def test_a_cached_model_is_run_and_trained_on_without_tensorflow(engine, tiny_model):
    FeatureExtractor(
        tiny_model, engine=engine, threads=None, workers=2, chunk=4
    )  # converted, compared
    done = subprocess.run(
        [sys.executable, "-c", JOB, engine, tiny_model], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    accuracy, loaded = done.stdout.split()
    assert float(accuracy) > 0.25
    assert loaded == "False"


def test_a_head_beside_another_runtime_is_saved_and_served(patches, tmp_path, tiny_model):
    extractor = FeatureExtractor(tiny_model, engine="litert")
    model = TransferModel(extractor, patches.class_names, seed=1)
    model.fit(patches.train.images, patches.train.labels)
    model.save(tmp_path / "model")
    loaded = TransferModel.load(tmp_path / "model")
    np.testing.assert_allclose(
        loaded.predict(patches.test.images), model.predict(patches.test.images), atol=1e-3
    )
    assert f"{2048 * len(patches.class_names) + len(patches.class_names):,} trainable" in str(
        model.summary()
    )
