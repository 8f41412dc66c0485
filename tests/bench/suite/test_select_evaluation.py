"""What candidates are judged by: cross-validated heads on growing samples of training images."""

import dataclasses
from types import SimpleNamespace
from typing import ClassVar

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_predict

from tl_core.data import DataSet, Split
from tl_core.sources import ArraySource
from tlbench.compare.selection import Candidate
from tlbench.errors import InputError
from tlbench.suite.select import evaluation, job, plan
from tlbench.suite.select.evaluation import FOLDS, Evaluation, cross_validated, sample_order
from tlbench.suite.select.job import SelectJob, plan_of
from tlbench.suite.select.plan import backbones, engines_of
from tlbench.suite.workloads import QUICK

#: Of other images than its own.
OPTIONS = dataclasses.replace(QUICK, train_size=None, test_size=None, image_size=None)

LABELS = np.repeat([0, 1, 2], [600, 300, 100])


def test_every_beginning_of_the_sample_has_the_mix_of_classes_and_so_has_every_fold():
    order, folds = sample_order(LABELS, 0)
    assert sorted(order) == list(range(1_000))
    for images in (50, 200, 500, 1_000):
        counts = np.bincount(LABELS[order[:images]], minlength=3)
        np.testing.assert_allclose(counts / images, [0.6, 0.3, 0.1], atol=1.5 / images)
        for fold in range(FOLDS):
            own = LABELS[order[:images]][folds[:images] == fold]
            parts = np.bincount(own, minlength=3) * FOLDS
            np.testing.assert_allclose(parts, counts, atol=FOLDS)


def test_rare_classes_begin_in_different_folds():
    _, folds = sample_order(np.arange(10), 0)
    assert set(folds) == set(range(FOLDS))


def test_the_order_is_the_seeds():
    first, again, other = (sample_order(LABELS, seed)[0] for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_cross_validation_agrees_with_scikit_learns():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 300)
    features = (rng.normal(size=(300, 12)) + 1.5 * np.eye(3, 12)[labels]).astype(np.float32)
    folds = np.arange(300) % FOLDS
    probe = LogisticRegression(C=np.inf)
    theirs = cross_val_predict(probe, features, labels, cv=PredefinedSplit(folds)) == labels
    right = cross_validated(features, labels, folds, 3)
    assert 0.6 < right.mean() < 0.95
    assert (right == theirs).mean() > 0.95
    np.testing.assert_array_equal(right, cross_validated(features, labels, folds, 3))


def test_an_image_is_judged_by_heads_that_never_saw_it():
    """More features than images: a head that had seen them would know every label."""
    rng = np.random.default_rng(0)
    features, labels = rng.normal(size=(200, 400)).astype(np.float32), rng.integers(0, 2, 200)
    assert 0.35 < cross_validated(features, labels, np.arange(200) % FOLDS, 2).mean() < 0.65


class Counting:
    """An extractor of nothing but brightness, which counts the images that it was given."""

    opened, extracted = [], []

    def __init__(self, handle, **options):
        self.opened.append((handle, options))

    def extract(self, images, *, batch_size):
        pixels = np.stack(images.take(range(len(images))))
        self.extracted.append(len(pixels))
        return pixels.reshape(len(pixels), -1)[:, :4].astype(np.float32)


@pytest.fixture
def short_training(monkeypatch):
    """Heads that nobody waits for."""
    monkeypatch.setattr(evaluation, "STEPS", 100)


def test_a_larger_sample_extracts_only_what_is_new(monkeypatch, short_training):
    monkeypatch.setattr(evaluation, "FeatureExtractor", Counting)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (60, 2, 2, 3), np.uint8)
    train = Split(ArraySource(pixels), rng.integers(0, 2, 60))
    tools = Evaluation(train, 2, {"device": "cpu"}, batch_size=8, seed=0)
    candidate = Candidate("m", 32, "litert", "int8")
    tools.right(candidate, 20)
    grown = tools.right(candidate, 60)
    tools.right(candidate, 40)
    assert Counting.extracted == [20, 40]
    (opened,) = Counting.opened
    assert opened == (
        "m",
        {"engine": "litert", "image_size": 32, "precision": "int8", "cache": True, "device": "cpu"},
    )
    tools.release(candidate)
    once = Evaluation(train, 2, {"device": "cpu"}, batch_size=8, seed=0).right(candidate, 60)
    np.testing.assert_array_equal(grown, once)


class Untouchable(ArraySource):
    """Test images that nothing may look at."""

    def take(self, indices, size=None):
        raise AssertionError("test images were used")

    head = pick = take


@pytest.fixture
def photographs(monkeypatch):
    """A data set whose test images can't be looked at, in place of any that is loaded."""
    data = job.load_data("photo-patches")
    hidden = DataSet(
        data.name, data.class_names, data.train.head(240),
        Split(Untouchable(np.zeros((10, 2, 2, 3), np.uint8)), np.arange(10)),
    )  # fmt: skip
    monkeypatch.setattr(job, "load_data", lambda *_, **__: hidden)
    return hidden


def test_a_search_on_real_networks_finds_one_without_the_test_images(
    photographs, tiny_model, short_training
):
    whole = SelectJob(OPTIONS, 300, 0.01, (tiny_model,), (32, 16), ("tensorflow",))
    lines = []
    selection = job.run(whole, lines.append)
    assert [each.candidate.image_size for each in selection.trials] != []
    assert {each.candidate.image_size for each in selection.trials} == {32, 16}
    assert all(each.images == 240 for each in selection.trials)
    assert all(each.images_per_s > 1 for each in selection.trials)
    assert max(each.accuracy for each in selection.trials) > 0.3
    assert selection.decided
    assert selection.engines.keys() == {("tensorflow", "fp32")}
    assert any("accuracy" in line for line in lines)
    command = job.train_command(whole, selection, {"threads": "2"})
    size = selection.best.candidate.image_size
    assert command == (
        f"tlbench train photo-patches --model {tiny_model} --image-size {size} "
        "--engine tensorflow --threads 2 --save my-model"
    )


def test_a_plan_has_what_is_at_hand_or_what_is_asked_for(photographs, tiny_model):
    asked = plan_of(SelectJob(OPTIONS, 9, 0.01, (tiny_model,), (64,)), photographs, ())
    assert asked.sizes == {tiny_model: (64,)}
    assert asked.samples == (240,)
    own = plan_of(SelectJob(OPTIONS, 9, 0.01, (tiny_model,)), photographs, ())
    assert own.sizes == {tiny_model: (32,)}


def test_without_a_model_the_embedded_ones_are_tried_whose_packages_are_installed(monkeypatch):
    assert backbones() == ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
    monkeypatch.setattr(plan, "find_spec", lambda name: None if "lite1" in name else name)
    assert backbones() == ("efficientnet-lite0", "efficientnet-lite2")


def test_engines_are_those_that_are_installed_or_asked_for():
    assert engines_of("cpu", ("litert",)) == (("litert", "fp32"), ("litert", "int8"))
    assert engines_of("cpu", ("litert", "openvino"), ("bf16",)) == (("openvino", "bf16"),)
    usual = engines_of("cpu", ("auto",))
    assert usual == engines_of("cpu")
    assert usual[0] == ("tensorflow", "fp32")
    assert "tensorflow-xla" not in dict(usual)
    assert engines_of("cpu", ("tensorflow-xla",)) == (("tensorflow-xla", "fp32"),)
    by_tensorflow = "tensorflow", "tensorflow-xla"
    assert engines_of("gpu") == (
        *((name, "fp32") for name in (*by_tensorflow, "onnxruntime")),
        *((name, precision) for precision in ("bf16", "fp16") for name in by_tensorflow),
    )
    assert engines_of("gpu:1", ("tensorflow",), ("fp16",)) == (("tensorflow", "fp16"),)
    with pytest.raises(InputError, match=r"no engine of litert computes in .* on device gpu"):
        engines_of("gpu", ("litert",))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"engines": ("torch",)}, "--engine torch: expected one of tensorflow"),
        ({"precisions": ("fp8",)}, "--precision fp8: expected one of fp32"),
        ({"engines": ("tensorflow",), "precisions": ("int8",)}, "no engine of tensorflow computes"),
        ({"precisions": ("fp16",)}, "--precision fp16 on device cpu: no engine has it"),
        ({"models": ("nothing",)}, "'nothing' is unknown"),
    ],
)
def test_what_cannot_be_planned_is_one_sentence(photographs, options, message):
    with pytest.raises(InputError, match=message):
        job.run(SelectJob(OPTIONS, 9, 0.01, **options), print)


def test_too_few_pictures_are_refused(photographs, monkeypatch):
    few = dataclasses.replace(photographs, train=photographs.train.head(9))
    monkeypatch.setattr(job, "load_data", lambda *_, **__: few)
    with pytest.raises(InputError, match="9 training images; expected at least 10"):
        job.run(SelectJob(OPTIONS, 9, 0.01), print)


def test_models_are_read_as_the_options_say(photographs, tiny_model):
    other = dataclasses.replace(OPTIONS, input_range="-1-1")
    with pytest.raises(InputError, match=r"input range -1-1, but .* takes 0-1"):
        job.run(SelectJob(other, 9, 0.01, (tiny_model,)), print)


class Piloted:
    """An extractor whose workers were found by a pilot, or are those that it was given."""

    made: ClassVar = []

    def __init__(self, _model, **options):
        self.made.append((options.get("workers"), options.get("chunk")))
        workers, chunk = options.get("workers", 2), options.get("chunk", len(self.made))
        self.opened = SimpleNamespace(choice=SimpleNamespace(workers=workers, chunk=chunk))
        self.network = SimpleNamespace()

    def batches(self, _images, order, **_):
        yield order, None


def test_workers_and_chunk_are_piloted_once_per_engine_and_precision(monkeypatch):
    monkeypatch.setattr(evaluation, "FeatureExtractor", Piloted)
    train = Split(ArraySource(np.zeros((20, 2, 2, 3), np.uint8)), np.arange(20) % 2)
    tools = Evaluation(train, 2, {"device": "cpu"}, batch_size=8, seed=0)
    for model, size, precision in (("a", 32, "fp32"), ("a", 16, "fp32"), ("b", 16, "int8")):
        tools.images_per_s(Candidate(model, size, "litert", precision))
    assert Piloted.made == [(None, None), (2, 1), (None, None)]


def test_of_gpus_only_the_chunk_is_passed_on(monkeypatch):
    monkeypatch.setattr(evaluation, "FeatureExtractor", Piloted)
    monkeypatch.setattr(Piloted, "made", [])
    train = Split(ArraySource(np.zeros((20, 2, 2, 3), np.uint8)), np.arange(20) % 2)
    tools = Evaluation(train, 2, {"device": "gpu"}, batch_size=8, seed=0)
    for size in (32, 16):
        tools.images_per_s(Candidate("a", size, "tensorflow"))
    assert Piloted.made == [(None, None), (None, 1)]
