"""A saved model is served by plain TensorFlow, and read back it is the model that was saved."""

import json
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tl_core.errors import ModelError
from tl_core.extractor import FeatureExtractor
from tl_core.photographs import portrait
from tl_core.transfer import TransferModel

PLAIN_TENSORFLOW = """
import json, sys, numpy as np, tensorflow as tf
class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tl_core", "bench", "tensorflow_hub", "tf_keras"):
            raise ImportError(name)
sys.meta_path.insert(0, Refuse())
folder, pixels, picture = sys.argv[1:]
model = tf.saved_model.load(folder)
served = model.signatures["serving_default"](images=tf.constant(np.load(pixels)))
files = tf.constant([tf.io.read_file(picture).numpy()] * 2)
from_file = model.signatures["serving_bytes"](files=files)
print(json.dumps({
    "probabilities": served["probabilities"].numpy().tolist(),
    "labels": [label.decode() for label in served["label"].numpy()],
    "from_file": from_file["probabilities"].numpy().tolist(),
}))
"""


@pytest.fixture(scope="module")
def trained(patches):
    model = TransferModel(FeatureExtractor(image_size=96), patches.class_names, seed=5)
    model.fit(patches.train.images, patches.train.labels, epochs=10, track="cached")
    return model


@pytest.fixture(scope="module")
def folder(trained, tmp_path_factory):
    target = tmp_path_factory.mktemp("saved") / "model"
    trained.save(target)
    return target


@pytest.fixture(scope="module")
def served(folder, patches, tmp_path_factory):
    """What a process without this package makes of the folder."""
    pixels = tmp_path_factory.mktemp("pixels") / "pixels.npy"
    np.save(pixels, patches.test.images.pixels)
    command = [sys.executable, "-c", PLAIN_TENSORFLOW, folder, pixels, portrait()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_plain_tensorflow_gives_the_models_answers(served, trained, patches):
    expected = trained.predict(patches.test.images)
    # Resized by tf.image in the graph, by Pillow here: nearly the same pixels.
    np.testing.assert_allclose(served["probabilities"], expected, atol=0.1)
    assert np.mean(np.argmax(served["probabilities"], axis=1) == expected.argmax(axis=1)) > 0.95


def test_plain_tensorflow_names_the_classes(served, trained):
    best = np.argmax(served["probabilities"], axis=1)
    assert served["labels"] == [trained.class_names[number] for number in best]


def test_plain_tensorflow_reads_files(served, trained):
    for row in served["from_file"]:
        np.testing.assert_allclose(row, trained.predict(portrait())[0], atol=0.1)


def test_images_at_the_models_size_are_not_touched(folder, trained, patches):
    import tensorflow as tf

    sized = [np.asarray(Image.fromarray(i).resize((96, 96))) for i in patches.test.images.pixels]
    model = tf.saved_model.load(str(folder))
    answers = model.signatures["serving_default"](images=tf.constant(np.stack(sized)))
    expected = trained.predict(np.stack(sized))
    np.testing.assert_allclose(answers["probabilities"], expected, rtol=1e-3, atol=1e-5)


def test_read_back_it_is_the_same_model(folder, trained, patches):
    model = TransferModel.load(folder)
    assert model.class_names == trained.class_names
    assert model.extractor.image_size == 96
    assert model.summary() == trained.summary()
    images = patches.test.images
    np.testing.assert_allclose(model.predict(images), trained.predict(images), rtol=1e-4, atol=1e-6)


def test_read_back_it_trains_on(folder, patches):
    model = TransferModel.load(folder)
    before = model.head.kernel.numpy()
    model.fit(patches.train.images, patches.train.labels)
    assert (model.head.kernel.numpy() != before).any()
    assert model.unfreeze() is None


def test_the_folder_is_itself_a_handle(folder, extractor, patches):
    images = patches.test.images.head(4)
    again = FeatureExtractor(str(folder)).extract(images)
    np.testing.assert_allclose(again, extractor.extract(images), rtol=1e-3, atol=1e-4)


def test_a_fine_tuned_extractor_is_saved_as_it_became(tmp_path, patches):
    model = TransferModel(FeatureExtractor(image_size=64), patches.class_names, fine_tune=True)
    small = patches.head(32, 60)
    model.fit(small.train.images, small.train.labels)
    model.save(tmp_path / "tuned")
    again = TransferModel.load(tmp_path / "tuned").predict(small.test.images)
    np.testing.assert_allclose(again, model.predict(small.test.images), rtol=1e-3, atol=1e-5)


def test_an_existing_folder_is_kept_unless_asked(folder, trained, tmp_path):
    with pytest.raises(ModelError, match="exists; name a new folder"):
        trained.save(folder)
    (tmp_path / "old").touch()
    trained.save(tmp_path, overwrite=True)
    assert not (tmp_path / "old").exists()
    assert (tmp_path / "saved_model.pb").exists()


def test_a_filter_that_tensorflow_lacks_is_refused_and_nothing_is_written(tmp_path, patches):
    model = TransferModel(FeatureExtractor(image_size=64, resize="hamming"), patches.class_names)
    with pytest.raises(ModelError, match="hamming"):
        model.save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [None, "{", "{}", '{"version": 99}'])
def test_another_folder_is_no_saved_model(tmp_path, content):
    if content is not None:
        (tmp_path / "assets.extra").mkdir()
        (tmp_path / "assets.extra" / "tlbench.json").write_text(content)
    with pytest.raises(ModelError, match=r"not a model that `TransferModel.save` wrote"):
        TransferModel.load(tmp_path)
