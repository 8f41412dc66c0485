"""A model's fingerprint: the same wherever it was converted, another one for another model."""

import hashlib
import shutil

import numpy as np
import pytest

from tl_core.models import Model
from tl_core.models.embedded import MODELS
from tl_core.models.export import save_module, values_digest
from tl_core.models.keras_applications import export
from tl_core.models.notes import read_notes


def fingerprint(folder):
    return Model(folder, "any", "features").fingerprint


@pytest.fixture
def save(tmp_path):
    """Write one multiplication as a module into a new folder."""
    import tensorflow as tf

    def saved(name, value=1.0, **extra):
        folder = tmp_path / name
        folder.mkdir(parents=True)
        factor = tf.Variable(np.full((3, 2), value, np.float32))
        save_module(
            folder,
            lambda images, training: tf.matmul(tf.reduce_mean(images, (1, 2)), factor),
            [factor],
            image_shape=(None, None, 3),
            image_size=8,
            **extra,
        )
        return folder

    return saved


def test_what_a_model_was_made_of_decides_and_not_the_bytes_that_tensorflow_wrote(save):
    """A conversion is other bytes on each machine, here by the variable's value."""
    made_of = {"model": "keras:VGG16", "weights": "0123", "converter": 1}
    here, there = save("here", 1.0, made_of=made_of), save("there", 2.0, made_of=made_of)
    other = save("other", 1.0, made_of=made_of | {"weights": "4567"})

    text = '{"converter": 1, "model": "keras:VGG16", "weights": "0123"}'
    assert fingerprint(here) == fingerprint(there) == hashlib.sha256(text.encode()).hexdigest()[:16]
    assert fingerprint(other) != fingerprint(here)


def test_a_folder_of_a_persons_own_has_that_of_its_content(save, tmp_path):
    first, second = save("first/1", 1.0), save("second/1", 2.0)
    copied = shutil.copytree(first, tmp_path / "copied")

    assert fingerprint(first) == fingerprint(copied) == Model(first, "", "features").digest[:16]
    assert fingerprint(first) != fingerprint(second)


def test_the_embedded_models_are_known_by_their_weights(embedded):
    """The literal is that of every machine: a new one makes all earlier results another job."""
    assert fingerprint(embedded("features")) == "a7a7b99a1fd53f21"
    assert fingerprint(embedded("logits")) != fingerprint(embedded("features"))
    assert (
        read_notes(embedded("features"))["made_of"]["weights"]
        == MODELS["efficientnet-lite0"].sha256
    )


def test_a_keras_model_is_known_by_its_weights_in_any_order(tmp_path):
    import tensorflow as tf

    export("MobileNet", "features", tmp_path, weights=None)
    made_of = read_notes(tmp_path)["made_of"]
    variables = tf.saved_model.load(str(tmp_path)).variables

    assert (made_of["model"], made_of["kind"]) == ("keras:MobileNet", "features")
    assert made_of["weights"] == values_digest(variables) == values_digest(variables[::-1])
    variables[0].assign_add(tf.ones_like(variables[0]))
    assert made_of["weights"] != values_digest(variables)
