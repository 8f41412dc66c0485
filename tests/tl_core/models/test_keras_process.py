"""Models of Keras are converted in a process of their own, whatever their files do to it."""

import h5py
import numpy as np
import pytest

from tl_core.errors import ModelError
from tl_core.models import keras_files, open_module, resolve

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
IMAGES = np.random.default_rng(2).random((3, 8, 8, 3), dtype=np.float32)


@pytest.fixture
def network():
    import keras

    layers = [keras.layers.GlobalAveragePooling2D(), keras.layers.Dense(5)]
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


def test_a_model_is_what_its_file_has(network, tmp_path, cache):
    network.save(tmp_path / "mine.keras")
    module = open_module(resolve(str(tmp_path / "mine.keras"), "logits"))
    np.testing.assert_allclose(module(IMAGES), network(IMAGES), rtol=1e-5, atol=1e-6)


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
    ids=["for ever", "memory"],
)
def test_a_file_that_keras_cannot_end_with_is_one_line(tmp_path, cache, limited, limit, message):
    write_endless(tmp_path / "mine.h5")
    limited(**limit)
    with pytest.raises(ModelError, match=rf"mine\.h5: Keras, in a process .*failed: .*{message}"):
        keras_files.convert(tmp_path / "mine.h5", "features", None)
    assert not list((cache / "models").glob("*/saved_model.pb"))
    assert not list((cache / "temporary").glob("*"))


@pytest.mark.slow
def test_a_file_that_the_decoder_never_ends_with_has_no_other_answer(tmp_path, cache, limited):
    """With time enough for a whole file."""
    write_endless(tmp_path / "mine.h5")
    limited(model_seconds=30)
    # A decoder that is mended says what is wrong.
    with pytest.raises(ModelError, match=r"no answer within 30 s|no whole Keras model"):
        keras_files.convert(tmp_path / "mine.h5", "features", None)
