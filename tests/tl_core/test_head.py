"""Both trainers, in TensorFlow and in NumPy, train as Keras's Dense with Adam, step by step."""

import gc
import weakref

import numpy as np
import pytest

from tl_core.errors import ModelError
from tl_core.head import ArrayTrainer, Head
from tl_core.tensorflow_trainer import TensorFlowTrainer


@pytest.fixture(params=[TensorFlowTrainer, ArrayTrainer], ids=["tensorflow", "numpy"])
def trainer_type(request):
    return request.param


@pytest.fixture
def batches():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(4, 16))
    labels = rng.integers(0, 4, (12, 8))
    features = (centres[labels] + rng.normal(size=(12, 8, 16))).astype(np.float32)
    return list(zip(features, labels, strict=True))


def keras_twin(head):
    """Keras 3's own Dense, Adam and loss from the same start: another implementation than ours."""
    import keras

    model = keras.Sequential([keras.layers.Input((16,)), keras.layers.Dense(4)])
    model.layers[0].set_weights([head.kernel, head.bias])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss)
    return model


def test_steps_equal_keras(trainer_type, batches):
    head = Head(16, 4, seed=3)
    reference = keras_twin(head)
    trainer = trainer_type(head, learning_rate=1e-3)
    for features, labels in batches:
        ours, theirs = trainer.step(features, labels), reference.train_on_batch(features, labels)
        np.testing.assert_allclose(ours, float(np.asarray(theirs)), rtol=1e-5)
    trainer.store()
    kernel, bias = reference.layers[0].get_weights()
    np.testing.assert_allclose(head.kernel, kernel, atol=1e-6)
    np.testing.assert_allclose(head.bias, bias, atol=1e-6)


def test_xla_does_not_compile_the_optimizer_where_there_is_a_gpu(monkeypatch):
    import tensorflow as tf

    # The name by which Keras asks.
    monkeypatch.setattr(tf.compat.v2.config, "list_physical_devices", lambda kind: ["a GPU"])
    assert not TensorFlowTrainer(Head(16, 4), learning_rate=1e-3)._optimizer.jit_compile


def test_the_graph_of_a_step_is_freed_with_its_trainer(batches):
    """Else a process that trains many heads grows."""
    trainer = TensorFlowTrainer(Head(16, 4), learning_rate=1e-3)
    trainer.step(*batches[0])
    graph = weakref.ref(trainer._step.graph)
    del trainer
    gc.collect()
    assert graph() is None


def test_training_lowers_the_loss(trainer_type, batches):
    trainer = trainer_type(Head(16, 4), learning_rate=1e-2)
    losses = [trainer.step(*batch) for _ in range(20) for batch in batches]
    assert np.mean(losses[-12:]) < 0.5 * np.mean(losses[:12])


def test_predictions_are_the_softmax_of_the_logits(batches):
    head = Head(16, 4, seed=1)
    features = 50 * batches[0][0]  # large ones overflow an exponential that isn't shifted
    logits = features.astype(np.float64) @ head.kernel + head.bias
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    expected = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(head.predict(features), expected, rtol=1e-3, atol=1e-6)


def test_the_start_is_keras_glorot_uniform():
    kernel = Head(300, 20, seed=0).kernel
    limit = np.sqrt(6 / 320)
    assert np.abs(kernel).max() <= limit
    # A uniform distribution's standard deviation is its half-width over the root of three.
    np.testing.assert_allclose(kernel.std(), limit / np.sqrt(3), rtol=0.03)
    assert not Head(300, 20).bias.any()


def test_the_seed_decides_the_start():
    first, same, other = (Head(8, 3, seed=seed).kernel for seed in (1, 1, 2))
    np.testing.assert_array_equal(first, same)
    assert (first != other).any()


def test_one_class_is_refused():
    with pytest.raises(ModelError, match="at least 2"):
        Head(8, 1)


def test_both_trainers_end_with_the_same_head(batches):
    heads = []
    for trainer_type in (TensorFlowTrainer, ArrayTrainer):
        heads.append(Head(16, 4, seed=3))
        trainer = trainer_type(heads[-1], learning_rate=1e-2)
        for _ in range(10):
            for batch in batches:
                trainer.step(*batch)
        trainer.store()
    np.testing.assert_allclose(heads[0].kernel, heads[1].kernel, rtol=1e-4, atol=1e-5)
