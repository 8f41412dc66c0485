"""A model on a backbone of odd input and output, saved and read back, is the same."""

import numpy as np

from tl_core.extractor import FeatureExtractor
from tl_core.transfer import TransferModel


def _save(folder):
    """A map of sines of colours, channels first, so that each range gives something else."""
    import tensorflow as tf

    kernel = np.random.default_rng(3).normal(size=(3, 16)).astype(np.float32)
    module = tf.train.Checkpoint()

    def run(images):
        rows = tf.tensordot(tf.transpose(images, (0, 2, 3, 1)), kernel, 1)
        return {"wanted": tf.transpose(tf.sin(rows), (0, 3, 1, 2)), "other": rows}

    spec = tf.TensorSpec((2, 3, 8, 8), name="images")
    signature = tf.function(run, input_signature=[spec], autograph=False)
    tf.saved_model.save(module, str(folder), signatures=signature.get_concrete_function())
    return str(folder)


def test_range_layout_output_and_batch_are_kept_through_saving_twice(tmp_path, patches):
    handle, images = _save(tmp_path / "backbone"), patches.test.images.head(5)
    extractor = FeatureExtractor(handle, input_range="imagenet", layer="wanted")
    model = TransferModel(extractor, patches.class_names)
    model.fit(patches.train.images, patches.train.labels, epochs=2, track="cached")
    expected = model.predict(images)
    assert np.std(expected, axis=0).max() > 1e-3

    model.save(tmp_path / "once")
    once = TransferModel.load(tmp_path / "once")
    once.save(tmp_path / "twice")
    twice = TransferModel.load(tmp_path / "twice")

    for each in (once, twice):
        np.testing.assert_allclose(each.predict(images), expected, rtol=1e-4, atol=1e-6)
    assert twice.extractor.feature_size == 16
    size = [(tmp_path / name / "saved_model.pb").stat().st_size for name in ("once", "twice")]
    assert abs(size[1] - size[0]) < 4096
