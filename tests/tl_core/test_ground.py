"""What is near its end, tensorflow_hub and tf2onnx, is needed where it is used and nowhere else."""

import os
import subprocess
import sys

import pytest

BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"tensorflow_hub", "pkg_resources", "tf2onnx"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Blocked())
"""
JOB = """
from pathlib import Path
from click.testing import CliRunner
from tl_core.classifier import ImageClassifier
from tl_core.data import load_data
from tl_core.errors import ModelError
from tl_core.extractor import FeatureExtractor
from tl_core.photographs import portrait
from tl_core.transfer import TransferModel
from tlbench.cli.main import main
import tlbench.suite.tutorial_engine

model, classifier, saved = sys.argv[1:]
data = load_data("photo-patches").head(60, 20)
for engine in ("tensorflow", "litert", "openvino"):
    extractor = FeatureExtractor(model, engine=engine, workers=None)
    assert extractor.extract(data.test.images).shape == (20, 2048)
trained = TransferModel(extractor, data.class_names)
trained.fit(data.train.images, data.train.labels)
trained.save(saved)
assert len(TransferModel.load(saved).predict(data.test.images)) == 20
assert ImageClassifier(classifier).classify([portrait()])
done = CliRunner().invoke(
    main, ["train", "photo-patches", "--train-size", "60", "--test-size", "20", "--model", model]
)
assert done.exit_code == 0, done.output

def refused(call):
    try:
        call()
    except ModelError as error:
        print(error)

refused(lambda: FeatureExtractor(model, engine="tutorial"))
refused(lambda: FeatureExtractor(model, engine="onnxruntime"))
"""


@pytest.fixture(scope="module")
def blocked(tmp_path_factory):
    """Run a program in a process that can import none of them; returns what it printed."""

    def run(code, *arguments):
        done = subprocess.run(
            [sys.executable, "-c", BLOCKED + code, *arguments],
            capture_output=True, text=True, check=False,
            # What other tests converted and stored needs no converter.
            env=os.environ | {"TLBENCH_CACHE": str(tmp_path_factory.mktemp("empty-cache"))},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        return done.stdout.splitlines()

    return run


@pytest.mark.slow
def test_everything_else_works_without_them_and_what_needs_them_says_so(
    blocked, tiny_model, tiny_classifier, tmp_path
):
    tutorial, onnx = blocked(JOB, tiny_model, tiny_classifier, str(tmp_path / "saved"))

    assert tutorial.startswith("engine tutorial: tensorflow_hub, which it runs models with, can't")
    assert "pip install tensorflow-hub 'setuptools<82'" in tutorial
    assert onnx.startswith("engine onnxruntime: tf2onnx, which converts models for it, can't be")
