"""A saved model is served by plain TensorFlow, and read back it is the model that was saved."""

import io
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from tl_core.errors import ModelError
from tl_core.extractor import FeatureExtractor
from tl_core.images import load_image
from tl_core.models.notes import NOTES_FILE, read_notes
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
def trained(extractor, patches):
    model = TransferModel(extractor, patches.class_names, seed=5)
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


@pytest.mark.slow
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

    sized = [np.asarray(Image.fromarray(i).resize((32, 32))) for i in patches.test.images.pixels]
    model = tf.saved_model.load(str(folder))
    answers = model.signatures["serving_default"](images=tf.constant(np.stack(sized)))
    expected = trained.predict(np.stack(sized))
    np.testing.assert_allclose(answers["probabilities"], expected, rtol=1e-3, atol=1e-5)


def test_read_back_it_is_the_same_model(folder, trained, patches):
    model = TransferModel.load(folder)
    assert model.class_names == trained.class_names
    assert model.extractor.image_size == 32
    counts = [[layer.parameters for layer in each.summary().layers] for each in (model, trained)]
    assert counts[0] == counts[1]
    images = patches.test.images
    np.testing.assert_allclose(model.predict(images), trained.predict(images), rtol=1e-4, atol=1e-6)


def test_read_back_it_trains_on(folder, patches):
    model = TransferModel.load(folder)
    before = model.head.kernel.copy()
    model.fit(patches.train.images, patches.train.labels)
    assert (model.head.kernel != before).any()
    assert model.unfreeze() is None


def test_the_folder_is_itself_a_handle(folder, extractor, patches):
    images = patches.test.images.head(4)
    again = FeatureExtractor(str(folder)).extract(images)
    np.testing.assert_allclose(again, extractor.extract(images), rtol=1e-3, atol=1e-4)


def test_a_fine_tuned_extractor_is_saved_as_it_became(tmp_path, patches, tiny_model):
    model = TransferModel(FeatureExtractor(tiny_model), patches.class_names, fine_tune=True)
    small = patches.head(32, 60)
    model.fit(small.train.images, small.train.labels)
    model.save(tmp_path / "tuned")
    again = TransferModel.load(tmp_path / "tuned").predict(small.test.images)
    np.testing.assert_allclose(again, model.predict(small.test.images), rtol=1e-3, atol=1e-5)


def test_an_existing_folder_is_kept_unless_asked(folder, trained, tmp_path):
    with pytest.raises(ModelError, match="exists; choose a new one"):
        trained.save(folder)
    (tmp_path / "old").touch()
    trained.save(tmp_path, overwrite=True)
    assert not (tmp_path / "old").exists()
    assert (tmp_path / "saved_model.pb").exists()


@pytest.mark.parametrize("method", ["hamming", "nearest"])
def test_a_filter_that_tensorflow_lacks_is_refused_and_nothing_is_written(
    tmp_path, patches, tiny_model, method
):
    model = TransferModel(FeatureExtractor(tiny_model, resize=method), patches.class_names)
    with pytest.raises(ModelError, match=f"{method}.*no filter that gives nearly the same"):
        model.save(tmp_path / "model")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [None, "{}", '{"version": 99}'])
def test_another_folder_is_no_saved_model(tmp_path, content):
    if content is not None:
        (tmp_path / "assets.extra").mkdir()
        (tmp_path / "assets.extra" / "tlbench.json").write_text(content)
    with pytest.raises(ModelError, match=r"not a model that `TransferModel.save` wrote"):
        TransferModel.load(tmp_path)


def test_saving_again_does_not_nest_the_model(folder, trained, patches, tmp_path):
    """Each cycle had added the whole graph of the one before, its stale head included."""
    sizes, images = [], patches.test.images.head(8)
    for number in range(2):
        model = TransferModel.load(folder)
        model.fit(patches.train.images.head(32), patches.train.labels[:32], batch_size=16)
        folder = tmp_path / str(number)
        model.save(folder)
        sizes.append((folder / "saved_model.pb").stat().st_size)
    assert abs(sizes[1] - sizes[0]) < 4096
    again = TransferModel.load(folder)
    np.testing.assert_allclose(again.predict(images), model.predict(images), rtol=1e-4, atol=1e-6)
    assert len(again.extractor.module.variables) == len(trained.extractor.module.variables)


def test_a_model_read_back_can_be_fine_tuned_and_saved(folder, patches, tmp_path):
    model = TransferModel.load(folder)
    model.unfreeze()
    model.fit(patches.train.images.head(16), patches.train.labels[:16], batch_size=8)
    model.save(tmp_path / "tuned")
    images = patches.test.images.head(8)
    again = TransferModel.load(tmp_path / "tuned").predict(images)
    np.testing.assert_allclose(again, model.predict(images), rtol=1e-3, atol=1e-5)


def test_the_notes_do_not_say_where_a_person_keeps_models(folder, patches, tmp_path):
    extractor = FeatureExtractor(str(folder))
    TransferModel(extractor, patches.class_names).save(tmp_path / "again")
    notes = (tmp_path / "again" / "assets.extra" / "tlbench.json").read_text()
    assert json.loads(notes)["handle"] == folder.name
    assert str(folder.parent) not in notes


def test_a_transparent_file_is_served_the_answer_of_predict(folder, trained):
    import tensorflow as tf

    picture = Image.fromarray(load_image(portrait())).resize((32, 32)).convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize((32, 32)))
    file = io.BytesIO()
    picture.save(file, "PNG")
    serve = tf.saved_model.load(str(folder)).signatures["serving_bytes"]
    answer = serve(files=tf.constant([file.getvalue()]))["probabilities"].numpy()
    expected = trained.predict(load_image(file))
    np.testing.assert_allclose(answer, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"image_size": "large"},
        {"image_size": 0},
        {"image_size": 10**9},
        {"image_size": None},
        {"class_names": "cat"},
        {"class_names": []},
        {"class_names": ["only one"]},
        {"class_names": None},
        {"seed": 1e300},
        {"resize": 5},
        {"resize": None},
        {"handle": ["x"]},
        {"input_range": "0-7"},
        {"backbone": {"input_range": 5}},
        {"backbone": "x"},
        {"made_of": [1]},
        {"made_of": {"a": {}}},
        {"version": "1"},
    ],
    ids=str,
)
def test_notes_that_are_not_ours_are_an_error_of_one_line(folder, tmp_path, changes):
    model = tmp_path / "model"
    shutil.copytree(folder, model)
    notes = json.loads((model / NOTES_FILE).read_text()) | changes
    changed = {key: value for key, value in notes.items() if value is not None}
    (model / NOTES_FILE).write_text(json.dumps(changed))
    with pytest.raises(ModelError, match=r"^[^\n]+; expected [^\n]+$"):
        TransferModel.load(model)


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"\xff", b"[" * 100_000],
    ids=["empty", "cut off", "a list", "not UTF-8", "deep"],
)
def test_notes_that_are_no_json_object_are_an_error_of_one_line(tmp_path, content):
    (tmp_path / NOTES_FILE).parent.mkdir()
    (tmp_path / NOTES_FILE).write_bytes(content)
    with pytest.raises(ModelError, match=r"^[^\n]+; expected [^\n]+$"):
        read_notes(tmp_path)
