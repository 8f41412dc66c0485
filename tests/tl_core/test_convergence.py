"""A head is trained for as many epochs as held-out images gain by, and then on all images."""

import numpy as np
import pytest

from tl_core import convergence
from tl_core.convergence import fit_to_convergence
from tl_core.errors import ModelError
from tl_core.head import ArrayTrainer, Head, evaluation
from tl_core.training import rows_of, train
from tl_core.transfer import TransferModel


def clusters(n, *, noise, classes=4, seed=0):
    """Features around a centre for each class, and their labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    centres = np.random.default_rng(99).normal(size=(classes, 32))
    return (centres[labels] + noise * rng.normal(size=(n, 32))).astype(np.float32), labels


def converged(features, labels, *, classes=4):
    head = Head(features.shape[1], classes, seed=3)
    return head, fit_to_convergence(head, features, labels, batch_size=8, seed=1)


def test_it_ends_where_held_out_images_gain_no_more():
    """With half of the labels wrong, more epochs only learn them by heart."""
    features, labels = clusters(200, noise=1.0)
    wrong = np.random.default_rng(0).permutation(len(labels))[:100]
    labels[wrong] = np.random.default_rng(1).integers(0, 4, 100)
    head, done = converged(features, labels)
    assert done.converged
    assert done.held_out == pytest.approx(40, abs=2)  # a fifth of each class, rounded
    long = Head(32, 4, seed=3)
    train(ArrayTrainer(long, learning_rate=1e-3), rows_of(features, 8), labels, 300, 1)
    others = clusters(400, noise=1.0, seed=7)
    ours, theirs = (evaluation(each.predict(others[0]), others[1]) for each in (head, long))
    assert ours.loss < theirs.loss
    assert 1 < done.epochs < 100


def test_what_is_easy_is_trained_for_longer_than_one_epoch():
    features, labels = clusters(80, noise=0.3)
    head, done = converged(features, labels)
    others = clusters(400, noise=0.3, seed=7)
    assert evaluation(head.predict(others[0]), others[1]).accuracy > 0.97
    assert done.losses[-1] < 0.2 * done.losses[0]


def test_what_is_easily_told_apart_is_not_trained_on_for_ever():
    _, done = converged(*clusters(80, noise=0.01))
    assert done.converged
    assert done.held_out_loss < 0.05


@pytest.mark.slow
def test_the_head_is_that_of_as_many_epochs_on_all_images():
    features, labels = clusters(60, noise=1.0)
    head, done = converged(features, labels)
    plain = Head(32, 4, seed=3)
    losses = train(
        ArrayTrainer(plain, learning_rate=1e-3), rows_of(features, 8), labels, done.epochs, 1
    )
    assert losses == done.losses
    np.testing.assert_array_equal(head.kernel, plain.kernel)


def test_the_limit_of_epochs_ends_it(monkeypatch):
    monkeypatch.setattr(convergence, "MOST_EPOCHS", 3)
    monkeypatch.setattr(convergence, "MOST_STEPS", 3)
    _, done = converged(*clusters(80, noise=0.3))
    assert (done.epochs, done.converged) == (3, False)


@pytest.mark.parametrize(
    ("labels", "held_out"),
    [([0] * 5 + [1] * 10 + [2], 3), ([0, 0, 1, 2], 1), ([0, 1, 2, 3], 4)],
    ids=["a class of one image", "one class of two", "one of each"],
)
def test_a_fifth_of_each_class_is_held_out_but_no_class_is_lost(labels, held_out):
    labels = np.array(labels)
    rest, held = convergence.held_out_split(labels, 0)
    assert len(held) == held_out
    assert set(labels[rest]) == set(labels)
    if held_out < len(labels):
        assert sorted([*rest, *held]) == list(range(len(labels)))
    features, _ = clusters(len(labels), noise=0.1)
    _, done = converged(features, labels)
    assert done.epochs >= 1


def test_a_model_gets_a_new_head(extractor, patches):
    features = extractor.extract(patches.train.images)
    models = [TransferModel(extractor, patches.class_names, seed=5) for _ in range(2)]
    models[1].fit_features(features, patches.train.labels)
    done = [model.fit_to_convergence(features, patches.train.labels) for model in models]
    assert done[0] == done[1]
    np.testing.assert_array_equal(models[0].head.kernel, models[1].head.kernel)
    plain = TransferModel(extractor, patches.class_names, seed=5)
    plain.fit_features(features, patches.train.labels)
    results = [each.evaluate(*_test(patches)) for each in (models[0], plain)]
    assert results[0].accuracy > results[1].accuracy
    # A further fit continues from there.
    before = models[0].head.kernel.copy()
    models[0].fit_features(features, patches.train.labels)
    assert 0 < np.abs(models[0].head.kernel - before).max() < 0.1


def _test(data):
    return data.test.images, data.test.labels


def test_what_changes_while_training_cannot_converge(extractor, patches):
    model = TransferModel(extractor, patches.class_names)
    model.fine_tune = True
    with pytest.raises(ModelError, match="features change with every step"):
        model.fit_to_convergence(np.zeros((4, 2048), np.float32), [0, 1, 2, 3])
