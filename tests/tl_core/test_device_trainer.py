"""On a GPU an epoch is one compiled loop, which trains as one step after the other does."""

import logging

import numpy as np
import pytest

from tl_core import device_trainer
from tl_core.adam_graphs import compiled_loop
from tl_core.device_features import DeviceFeatures
from tl_core.device_trainer import DeviceTrainer
from tl_core.feature_training import loss_on, train_on_features
from tl_core.head import ArrayTrainer, Head, evaluation

#: A CPU stands for the GPU: it is the same program, compiled for another device.
DEVICE = "CPU:0"
CLASSES, WIDTH, IMAGES = 4, 16, 45


@pytest.fixture
def data():
    """Features around a centre for each class, and their labels."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, CLASSES, IMAGES)
    centres = rng.normal(size=(CLASSES, WIDTH))
    return (centres[labels] + rng.normal(size=(IMAGES, WIDTH))).astype(np.float32), labels


def device_trainer_of(head, rate=1e-2):
    return DeviceTrainer(head, learning_rate=rate, device=DEVICE)


def numpy_trainer_of(head, rate=1e-2):
    return ArrayTrainer(head, learning_rate=rate)


def trained(trainer_of, data, **options):
    """A head and its losses after training with a trainer of this kind."""
    head = Head(WIDTH, CLASSES, seed=3)
    trainer = trainer_of(head)
    options = {"batch_size": 8, "epochs": 3, "seed": 1} | options
    return head, train_on_features(trainer, *data, **options)


def assert_same(ours, theirs):
    (head, losses), (other, others) = ours, theirs
    np.testing.assert_allclose(losses, others, rtol=1e-5)
    np.testing.assert_allclose(head.kernel, other.kernel, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(head.bias, other.bias, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "batch_size",
    [8, 9, 44, 45, 100],
    ids=["rest of 5", "no rest", "rest of 1", "one step", "fewer than a batch"],
)
def test_an_epoch_trains_as_steps_in_numpy_do(data, batch_size):
    ours = trained(device_trainer_of, data, batch_size=batch_size)
    assert_same(ours, trained(numpy_trainer_of, data, batch_size=batch_size))
    assert ours[1][-1] < ours[1][0]


def test_an_epoch_trains_as_keras_does(data):
    import keras

    features, labels = data
    head = Head(WIDTH, CLASSES, seed=3)
    twin = keras.Sequential([keras.layers.Input((WIDTH,)), keras.layers.Dense(CLASSES)])
    twin.layers[0].set_weights([head.kernel, head.bias])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    twin.compile(keras.optimizers.Adam(1e-3), loss)
    trainer = device_trainer_of(head, 1e-3)
    train_on_features(trainer, features, labels, batch_size=8, epochs=2, seed=5)
    rng = np.random.default_rng(5)
    for _ in range(2):
        order = rng.permutation(IMAGES)
        twin.fit(features[order], labels[order], batch_size=8, shuffle=False, verbose=0)
    np.testing.assert_allclose(head.kernel, twin.layers[0].get_weights()[0], atol=1e-6)
    np.testing.assert_allclose(head.bias, twin.layers[0].get_weights()[1], atol=1e-6)


def test_some_of_the_features_are_trained_on_where_places_say_so(data):
    features, labels = data
    places = np.arange(IMAGES)[::2]
    options = {"places": places, "epochs": 2}
    ours, theirs = (
        trained(each, (features, labels[places]), **options)
        for each in (device_trainer_of, numpy_trainer_of)
    )
    assert_same(ours, theirs)


def test_features_beyond_a_block_are_trained_on_block_by_block(data, monkeypatch):
    """Putting them in order then takes a block's memory, not once more that of all."""
    taken = []
    take = DeviceFeatures.take
    monkeypatch.setattr(
        DeviceFeatures, "take", lambda self, p: (taken.append(len(p)), take(self, p))[1]
    )
    # Two batches of 8 rows of 16 float32, and not quite a third.
    monkeypatch.setattr(device_trainer, "BLOCK_BYTES", 3 * 8 * WIDTH * 4 - 1)
    ours = trained(device_trainer_of, data, epochs=1)
    assert taken == [16, 16, 13]
    assert_same(ours, trained(numpy_trainer_of, data, epochs=1))


def test_steps_and_epochs_continue_one_another(data):
    """A model that is fitted on features, then on images, then on features has one Adam."""
    features, labels = data
    heads = []
    for trainer_of in (device_trainer_of, numpy_trainer_of):
        heads.append(Head(WIDTH, CLASSES, seed=3))
        trainer = trainer_of(heads[-1])
        train_on_features(trainer, features, labels, batch_size=8, epochs=1, seed=0)
        losses = [trainer.step(features[i : i + 7], labels[i : i + 7]) for i in range(0, 42, 7)]
        train_on_features(trainer, features, labels, batch_size=8, epochs=1, seed=1)
        heads[-1].losses = losses
    assert_same(*((head, head.losses) for head in heads))


@pytest.mark.parametrize("batch_size", [1, 8, 45, 100])
def test_steps_on_rows_in_their_order_train_as_numpy_does(data, batch_size):
    features, labels = data
    ours, theirs = Head(WIDTH, CLASSES, seed=3), Head(WIDTH, CLASSES, seed=3)
    trainer, reference = device_trainer_of(ours), numpy_trainer_of(theirs)
    for _ in range(2):
        total = float(trainer.steps(features, labels, batch_size))
        expected = 0.0
        for i in range(0, IMAGES, batch_size):
            part = slice(i, i + batch_size)
            expected += reference.step(features[part], labels[part]) * len(labels[part])
        np.testing.assert_allclose(total, expected, rtol=1e-5)
    for each in (trainer, reference):
        each.store()
    np.testing.assert_allclose(ours.kernel, theirs.kernel, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ours.bias, theirs.bias, rtol=1e-4, atol=1e-5)


def test_the_loss_is_that_of_the_stored_head(data):
    features, labels = data
    head = Head(WIDTH, CLASSES, seed=3)
    trainer = device_trainer_of(head)
    held = np.array([4, 0, 7])
    loss = loss_on(trainer, head, features, labels, held)
    for _ in range(2):
        train_on_features(trainer, features, labels, batch_size=8, epochs=1, seed=0)
        expected = evaluation(head.predict(features[held]), labels[held]).loss
        np.testing.assert_allclose(loss(), expected, rtol=1e-5)


def test_heads_of_one_shape_share_a_compiled_loop(data):
    trained(device_trainer_of, data)
    before = compiled_loop.cache_info().misses
    trained(device_trainer_of, data, seed=2)
    assert compiled_loop.cache_info().misses == before
    trained(device_trainer_of, data, batch_size=7)
    assert compiled_loop.cache_info().misses == before + 1


def test_an_epoch_is_one_program_of_xla_with_a_loop_in_it():
    import tensorflow as tf

    loop = compiled_loop(DEVICE, IMAGES, 8, WIDTH, CLASSES)
    state = [tf.zeros(shape) for shape in [(WIDTH, CLASSES)] * 3 + [(CLASSES,)] * 3]
    inputs = tf.zeros((IMAGES, WIDTH)), tf.zeros(IMAGES, tf.int64), tf.zeros(6), tuple(state)
    assert "while" in loop.experimental_get_compiler_ir(*inputs)(stage="hlo")


def test_features_on_a_device_are_arrays_to_numpy(data):
    features = data[0]
    ours = DeviceFeatures(features, DEVICE)
    assert (ours.shape, len(ours), ours.dtype, ours.ndim) == (features.shape, 45, np.float32, 2)
    np.testing.assert_array_equal(np.asarray(ours), features)
    np.testing.assert_array_equal(ours.take(np.array([3, 3, 0])), features[[3, 3, 0]])
    assert np.asarray(ours, np.float64).dtype == np.float64


class FullDevice:
    """``tf.constant``, ``tf.concat`` and ``tf.gather`` on a device that has no room for many rows.

    Features on the device as a whole don't fit, or not once more.
    """

    def __init__(self, monkeypatch, error, names):
        import tensorflow as tf

        self.refused = 0
        for name in names:
            monkeypatch.setattr(tf, name, self.limited(getattr(tf, name), error))

    def limited(self, function, error):
        def run(*args, **options):
            made = function(*args, **options)
            if len(made.shape) == 2 and made.shape[0] > 40:
                self.refused += 1
                raise error
            return made

        return run


def no_memory(kind):
    import tensorflow as tf

    return {
        "operation": tf.errors.ResourceExhaustedError(None, None, "OOM when allocating"),
        # As TensorFlow says it of a copy to a GPU that has no room.
        "copy": tf.errors.InternalError(
            None,
            None,
            "Failed copying input tensor from CPU:0 to "
            "GPU:0 in order to run _EagerConst: Dst tensor is not initialized.",
        ),
    }[kind]


@pytest.mark.parametrize("kind", ["operation", "copy"])
def test_features_without_room_stay_on_the_host_and_train_the_same(data, monkeypatch, caplog, kind):
    monkeypatch.setattr(device_trainer, "BLOCK_BYTES", 16 * WIDTH * 4)
    full = FullDevice(monkeypatch, no_memory(kind), ["constant"])
    with caplog.at_level(logging.WARNING):
        features = DeviceFeatures(data[0], DEVICE)
        ours = trained(device_trainer_of, (features, data[1]))
    assert full.refused == 1
    assert not features.is_resident
    assert "no room for the features of 45 images" in caplog.text
    np.testing.assert_array_equal(np.asarray(features), data[0])
    assert_same(ours, trained(numpy_trainer_of, data))


def test_features_move_to_the_host_where_there_is_no_room_for_their_order(
    data, monkeypatch, caplog
):
    features = DeviceFeatures(data[0], DEVICE)
    FullDevice(monkeypatch, no_memory("operation"), ["gather"])
    with caplog.at_level(logging.WARNING):
        ours = trained(device_trainer_of, (features, data[1]))
    assert not features.is_resident
    assert caplog.text.count("no room") == 1
    assert_same(ours, trained(numpy_trainer_of, data))


def test_outputs_without_room_together_are_joined_on_the_host(data, monkeypatch):
    import tensorflow as tf

    parts = [tf.constant(part) for part in np.split(data[0], 3)]
    FullDevice(monkeypatch, no_memory("operation"), ["concat"])
    features = DeviceFeatures(parts, DEVICE)
    assert not features.is_resident
    np.testing.assert_array_equal(np.asarray(features), data[0])


def test_other_errors_of_tensorflow_are_none_of_memory(data, monkeypatch):
    import tensorflow as tf

    FullDevice(monkeypatch, tf.errors.InternalError(None, None, "cuBLAS failed"), ["constant"])
    with pytest.raises(tf.errors.InternalError, match="cuBLAS failed"):
        DeviceFeatures(data[0], DEVICE)
