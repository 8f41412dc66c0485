"""Transfer learning: only the head learns, one seed gives one model, and it learns."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, log_loss

from tl_core.errors import DataError, ModelError
from tl_core.extractor import FeatureExtractor
from tl_core.transfer import TransferModel, evaluation


@pytest.fixture
def model(extractor, patches):
    return TransferModel(extractor, patches.class_names)


def fitted(extractor, patches, **options):
    model = TransferModel(extractor, patches.class_names, seed=options.pop("model_seed", 0))
    model.losses = model.fit(patches.train.images, patches.train.labels, **options)
    return model


def weights(model):
    return np.concatenate([model.head.kernel.ravel(), model.head.bias])


def backbone(model):
    return [variable.numpy() for variable in model.extractor.network.module.variables]


def test_it_learns_real_photographs(extractor, patches):
    model = fitted(extractor, patches, epochs=15, track="cached")
    result = model.evaluate(patches.test.images, patches.test.labels)
    assert result.accuracy > 0.5 > 3 * patches.majority_rate
    assert model.losses[-1] < 0.5 * model.losses[0]


def test_shuffled_labels_teach_nothing(extractor, patches):
    model = TransferModel(extractor, patches.class_names)
    wrong = np.random.default_rng(0).permutation(patches.train.labels)
    model.fit(patches.train.images, wrong, epochs=15, track="cached")
    assert model.evaluate(patches.test.images, patches.test.labels).accuracy < 0.4


def test_the_extractor_stays_frozen_and_the_head_does_not(model, patches):
    before, start = backbone(model), weights(model)
    model.fit(patches.train.images, patches.train.labels)
    for old, new in zip(before, backbone(model), strict=True):
        np.testing.assert_array_equal(new, old)
    assert (weights(model) != start).any()


@pytest.mark.parametrize("track", ["recompute", "cached"])
def test_one_seed_gives_one_model_to_the_bit(extractor, patches, track):
    first, second = (fitted(extractor, patches, track=track) for _ in range(2))
    np.testing.assert_array_equal(weights(first), weights(second))
    assert first.losses == second.losses


@pytest.mark.parametrize("options", [{"model_seed": 1}, {"seed": 1}], ids=["start", "order"])
def test_another_seed_gives_another_model(extractor, patches, options):
    first, other = fitted(extractor, patches), fitted(extractor, patches, **options)
    assert (weights(first) != weights(other)).any()


def test_both_tracks_train_the_same_head(extractor, patches):
    """The extractor is frozen, so that computing its features again changes nothing."""
    recomputed = fitted(extractor, patches, epochs=2, track="recompute")
    cached = fitted(extractor, patches, epochs=2, track="cached")
    np.testing.assert_allclose(weights(recomputed), weights(cached), atol=1e-4)


def test_it_trains_as_keras_does_on_the_same_features(extractor, patches):
    import keras

    model = TransferModel(extractor, patches.class_names)
    features = extractor.extract(patches.train.images)
    twin = keras.Sequential([keras.layers.Input((2048,)), keras.layers.Dense(10, "softmax")])
    twin.layers[0].set_weights([model.head.kernel, model.head.bias])
    twin.compile("adam", "sparse_categorical_crossentropy")
    labels = patches.train.labels
    rng = np.random.default_rng(0)
    for _ in range(2):
        order = rng.permutation(len(labels))
        twin.fit(features[order], labels[order], batch_size=32, shuffle=False, verbose=0)
    model.fit_features(features, labels, epochs=2)
    ours = model.predict(patches.test.images)
    theirs = twin.predict(extractor.extract(patches.test.images), verbose=0)
    np.testing.assert_allclose(ours, theirs, atol=1e-3)


def test_evaluation_is_scikit_learns(extractor, patches):
    model = fitted(extractor, patches)
    result = model.evaluate(patches.test.images, patches.test.labels)
    probabilities = model.predict(patches.test.images).astype(float)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    assert result.accuracy == accuracy_score(patches.test.labels, result.predictions)
    expected = log_loss(patches.test.labels, probabilities, labels=range(10))
    np.testing.assert_allclose(result.loss, expected, rtol=1e-4)


def test_a_probability_of_zero_does_not_make_the_loss_infinite():
    result = evaluation(np.array([[1, 0], [1, 0]], np.float32), np.array([0, 1]))
    assert result.accuracy == 0.5
    assert np.isfinite(result.loss)


def test_the_summary_counts_frozen_and_trainable(model):
    summary = model.summary()
    assert summary.trainable == 20_490  # 2048 features and a bias for each of ten classes
    assert summary.frozen == sum(variable.size for variable in backbone(model))
    assert [layer.name for layer in summary.layers] == [
        "resize (lanczos)", model.extractor.handle, "Dense (softmax)",
    ]  # fmt: skip
    assert "20,490 trainable" in str(summary)


def test_fine_tuning_changes_the_extractor_and_says_so(tiny_model, patches):
    model = TransferModel(FeatureExtractor(tiny_model), patches.class_names, fine_tune=True)
    before = backbone(model)
    small = patches.head(32, 60)
    model.fit(small.train.images, small.train.labels)
    assert all((new != old).any() for old, new in zip(before, backbone(model), strict=True))
    assert model.summary().frozen == 0


def test_fine_tuning_cannot_use_cached_features(tiny_model, patches):
    model = TransferModel(FeatureExtractor(tiny_model), patches.class_names, fine_tune=True)
    with pytest.raises(ModelError, match="features change with every step"):
        model.fit(patches.train.images, patches.train.labels, track="cached")


class FixedNetwork:
    """An engine's network that has nothing to train."""

    image_size, output_size, device, module = 8, 3, "CPU:0", None

    def __call__(self, images):
        return images.mean(axis=(1, 2)).astype(np.float32)


class FixedExtractor:
    network, engine, device, handle = FixedNetwork(), "openvino", "cpu", "fixed"
    feature_size, image_size, resize = 3, 8, "lanczos"


def test_an_engine_without_variables_says_that_it_cannot_be_fine_tuned():
    with pytest.raises(ModelError, match=r"engine 'openvino'.*can't be fine-tuned"):
        TransferModel(FixedExtractor(), ["a", "b"], fine_tune=True)


@pytest.mark.parametrize(
    ("variables", "message"),
    [((), "no trainable variables"), ((1,), "can't be called with training=True")],
)
def test_a_module_that_cannot_be_trained_says_so(monkeypatch, model, variables, message):
    class Untrainable:
        trainable_variables, takes_training = variables, False

    monkeypatch.setattr(model.extractor.network, "module", Untrainable())
    with pytest.raises(ModelError, match=message):
        model.unfreeze()
    assert not model.fine_tune


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.zeros(95, int), r"shape \(95,\) for 96 images"),
        (np.zeros((96, 10), int), r"shape \(96, 10\)"),
        (np.zeros(96), "float64: expected class numbers"),
        (np.full(96, 10), "labels from 10 to 10: expected 0 to 9"),
        (np.full(96, -1), "labels from -1"),
    ],
    ids=["too few", "one-hot", "float", "too high", "negative"],
)
def test_wrong_labels_are_refused(model, patches, labels, message):
    with pytest.raises(DataError, match=message):
        model.fit(patches.train.images, labels)


def test_wrong_labels_are_refused_before_features_are_extracted(monkeypatch, model, patches):
    monkeypatch.setattr(model.extractor, "extract", None)
    with pytest.raises(DataError, match="labels from 10"):
        model.fit(patches.train.images, np.full(96, 10), track="cached")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "0 epochs"),
        ({"track": "both"}, "expected recompute or cached"),
        ({"batch_size": 0}, "batch size 0: expected at least 1"),
        ({"batch_size": -1}, "batch size -1"),
        ({"batch_size": -1, "track": "cached"}, "batch size -1"),
    ],
    ids=str,
)
def test_wrong_options_are_refused(model, patches, options, message):
    with pytest.raises(ModelError, match=message):
        model.fit(patches.train.images, patches.train.labels, **options)


@pytest.mark.parametrize("options", [{"batch_size": -1}, {"batch_size": 0}, {"epochs": 0}], ids=str)
def test_wrong_options_with_features_are_refused(model, options):
    with pytest.raises(ModelError, match="expected at least 1"):
        model.fit_features(np.zeros((4, 2048), np.float32), [0, 1, 2, 3], **options)


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (np.zeros((4, 2048)), r"dtype float64 and shape \(4, 2048\): expected float32 \(n, 2048\)"),
        (np.zeros((4, 2047), np.float32), r"shape \(4, 2047\)"),
        (np.zeros(2048, np.float32), r"shape \(2048,\)"),
        (np.zeros((4, 8, 8, 3), np.uint8), "dtype uint8"),
    ],
    ids=["float64", "narrow", "one row", "images"],
)
def test_wrong_features_are_refused(model, features, message):
    with pytest.raises(DataError, match=message):
        model.fit_features(features, [0, 1, 2, 3])


@pytest.mark.parametrize("fit", ["fit_features", "fit_to_convergence"])
def test_a_loss_that_is_not_finite_ends_training(extractor, patches, fit):
    features = np.ones((len(patches.train), extractor.feature_size), np.float32)
    features[::2] = np.nan
    model = TransferModel(extractor, patches.class_names)
    with pytest.raises(ModelError, match="the loss is nan, expected a finite number"):
        getattr(model, fit)(features, patches.train.labels)


@pytest.mark.parametrize("rate", [0, 0.0, -1e-3, float("nan"), float("inf")])
def test_a_learning_rate_that_teaches_nothing_is_refused(model, rate):
    with pytest.raises(ModelError, match="expected a number above 0"):
        model.compile(learning_rate=rate)


def test_the_learning_rate_is_the_one_given_or_keras_default(model):
    assert float(model.compile(learning_rate=0.25)._optimizer.learning_rate) == 0.25
    assert np.isclose(float(model.compile()._optimizer.learning_rate), 1e-3)


def test_a_class_name_of_two_classes_is_refused(extractor):
    with pytest.raises(ModelError, match="class names 'cat' more than once"):
        TransferModel(extractor, ["cat", "dog", "cat"])
