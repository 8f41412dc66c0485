"""Pictures get the right names, with 1000 labels and with 1001."""

import numpy as np
import pytest

from tl_core.classifier import ImageClassifier
from tl_core.errors import ModelError
from tl_core.head import softmax
from tl_core.labels import imagenet_labels
from tl_core.models import resolve
from tl_core.models.export import save_module
from tl_core.photographs import PORTRAIT_LABEL, photographs, portrait


@pytest.fixture(scope="module")
def classifier():
    return ImageClassifier()


def colour_module(folder, outputs, winner, *, softmaxed=False):
    """A tiny SavedModel whose largest output is always number ``winner``."""
    import tensorflow as tf

    weight = tf.Variable(np.eye(outputs, dtype=np.float32)[winner])

    def forward(images, training):
        rows = tf.reduce_mean(images, axis=(1, 2, 3))[:, None] * 0 + 5 * weight
        return tf.nn.softmax(rows) if softmaxed else rows

    folder.mkdir()
    save_module(folder, forward, [weight], image_shape=(8, 8, 3), image_size=8)
    return str(folder)


def test_the_portrait_is_named(classifier):
    (answers,) = classifier.classify(portrait(), top=3)
    assert answers[0].label == PORTRAIT_LABEL
    assert answers[0].probability > 0.3


@pytest.mark.parametrize(
    ("photograph", "labels"),
    [
        ("chelsea", {"tabby", "tiger cat", "Egyptian cat"}),
        ("coffee", {"espresso", "cup", "coffee mug"}),
    ],
)
def test_other_photographs_are_named_sensibly(classifier, photograph, labels):
    (answers,) = classifier.classify(photographs()[photograph], top=3)
    named = {part for answer in answers for part in answer.label.split(", ")}
    assert named & labels


def test_answers_are_sorted_and_their_index_names_the_label(classifier):
    (answers,) = classifier.classify(portrait(), top=1000)
    probabilities = [answer.probability for answer in answers]
    assert probabilities == sorted(probabilities, reverse=True)
    np.testing.assert_allclose(sum(probabilities), 1, rtol=1e-5)
    assert all(classifier.labels[answer.index] == answer.label for answer in answers)


@pytest.mark.parametrize("shift", [-1, 1])
def test_labels_off_by_one_would_be_noticed(classifier, shift):
    shifted = ImageClassifier(labels=np.roll(classifier.labels, shift))
    (answers,) = shifted.classify(portrait(), top=1)
    assert answers[0].label != PORTRAIT_LABEL


@pytest.mark.parametrize(
    ("outputs", "winner", "label"),
    [(1000, 0, "tench"), (1001, 1, "tench"), (1001, 0, "background"), (1000, 331, "hare"),
     (1001, 332, "hare")],
)  # fmt: skip
def test_1000_and_1001_outputs_have_their_own_labels(tmp_path, outputs, winner, label):
    module = colour_module(tmp_path / "module", outputs, winner)
    (answers,) = ImageClassifier(module).classify(portrait(), top=1)
    assert answers[0].label.split(",")[0] == label
    assert answers[0].index == winner


def test_a_model_that_ends_in_softmax_is_not_softmaxed_again(tmp_path):
    logits = ImageClassifier(colour_module(tmp_path / "logits", 1000, 7))
    probabilities = ImageClassifier(colour_module(tmp_path / "softmax", 1000, 7, softmaxed=True))
    np.testing.assert_allclose(
        probabilities.probabilities(portrait()), logits.probabilities(portrait()), rtol=1e-5
    )


def test_softmax_is_scipys():
    from scipy import special

    logits = np.random.default_rng(0).normal(0, 50, (4, 9)).astype(np.float32)
    np.testing.assert_allclose(softmax(logits)[0], special.softmax(logits, axis=1), rtol=1e-5)


def test_an_extractor_is_no_classifier():
    with pytest.raises(ModelError, match=r"feature extractor.*expected a classifier"):
        ImageClassifier(str(resolve("efficientnet-lite0", "features")))


def test_as_many_labels_as_outputs_are_needed():
    with pytest.raises(ModelError, match="1000 outputs but 1001 labels"):
        ImageClassifier(labels=imagenet_labels(1001))


def test_a_classifier_of_other_classes_needs_its_labels(tmp_path):
    module = colour_module(tmp_path / "module", 965, 7)
    birds = [f"bird {number}" for number in range(965)]
    (answers,) = ImageClassifier(module, labels=birds).classify(portrait(), top=1)
    assert answers[0].label == "bird 7"
    with pytest.raises(ModelError, match="965 outputs but 964 labels"):
        ImageClassifier(module, labels=birds[1:])
    with pytest.raises(ModelError, match=r"965 outputs.*or pass labels"):
        ImageClassifier(module)


@pytest.mark.parametrize("top", [0, 1001])
def test_top_must_be_possible(classifier, top):
    with pytest.raises(ModelError, match="expected 1 to 1000"):
        classifier.classify(portrait(), top=top)


@pytest.mark.slow
@pytest.mark.shared_data
def test_the_real_mobilenet_names_the_portrait(shared_models):
    handle = shared_models / "mobilenet_v2_100_224-classification.tar.gz"
    real = ImageClassifier(str(handle))
    assert len(real.labels) == 1001
    assert real.classify(portrait(), top=1)[0][0].label == PORTRAIT_LABEL
