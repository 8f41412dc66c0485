"""A precision that loses accuracy on this machine is refused."""

import dataclasses

import numpy as np
import pytest

from tl_core.devices import usable_cpus
from tl_core.engines.names import ENGINES, ON_GPUS
from tl_core.extractor import FeatureExtractor
from tl_core.transfer import TransferModel
from tlbench.suite.loaded_workload import load_workload, open_data
from tlbench.suite.precision import (
    LEAST_SHARE,
    PrecisionAccuracy,
    check_precision,
    precision_accuracy,
)
from tlbench.suite.workloads import QUICK


@pytest.mark.parametrize(
    ("accuracy", "reference", "good"),
    [(0.80, 0.80, True), (0.793, 0.80, True), (0.791, 0.80, False), (0.82, 0.80, True)],
)
def test_ninety_nine_percent_must_be_kept(accuracy, reference, good):
    result = PrecisionAccuracy(accuracy, reference)
    assert result.share == pytest.approx(accuracy / reference)
    assert (result.share >= LEAST_SHARE) == good
    if good:
        check_precision(result, "int8")
        return
    with pytest.raises(
        AssertionError, match=r"int8 has 98\.88 % of the accuracy of single precision"
    ):
        check_precision(result, "int8")


def test_the_reference_has_all_of_its_own_accuracy(tiny_model):
    options = dataclasses.replace(
        QUICK, model=tiny_model, image_size=32, train_size=400, test_size=60
    )
    workload = load_workload(options, open_data(options), probe=False)
    assert workload.precision_accuracy is None, "single precision isn't compared"
    result = precision_accuracy(workload.extractor, workload.data, options)
    assert result.share == 1
    assert result.accuracy > 0.2


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_16_bits_by_tensorflow_are_judged_as_any_lower_precision(
    tiny_model, monkeypatch, tmp_path, precision
):
    """The CPU stands for a GPU."""
    monkeypatch.setenv("TLBENCH_CACHE", str(tmp_path))
    on_gpus = dataclasses.replace(ENGINES["tensorflow"], precisions=ON_GPUS)
    monkeypatch.setitem(ENGINES, "tensorflow", on_gpus)
    options = dataclasses.replace(
        QUICK, model=tiny_model, image_size=32, train_size=400, test_size=60, precision=precision
    )
    workload = load_workload(options, open_data(options), probe=False)
    result = workload.precision_accuracy
    assert result.reference > 0.2
    assert result.share == pytest.approx(1, abs=0.15), "one image of sixty is 4 % of the accuracy"
    assert workload.extractor.opened.equivalence.cosine > 0.99


def test_accuracies_are_compared_however_many_threads_tensorflow_has_already(
    tiny_model, monkeypatch, tmp_path
):
    import tensorflow as tf

    tf.constant(1.0) + 1  # TensorFlow runs from here on
    monkeypatch.setenv("TLBENCH_CACHE", str(tmp_path))
    threads = usable_cpus() + 1
    options = dataclasses.replace(
        QUICK, model=tiny_model, image_size=32, train_size=400, test_size=60, engine="litert",
        threads=threads,
    )  # fmt: skip
    workload = load_workload(options, open_data(options), probe=False)
    assert workload.precision_accuracy is None
    result = precision_accuracy(workload.extractor, workload.data, options)
    assert result.share == pytest.approx(1, abs=0.05)


def test_features_that_lose_accuracy_have_less_than_the_references(
    tiny_model, monkeypatch, tmp_path
):
    monkeypatch.setenv("TLBENCH_CACHE", str(tmp_path))
    options = dataclasses.replace(
        QUICK, model=tiny_model, image_size=32, train_size=400, test_size=60
    )
    data, extractor = open_data(options), FeatureExtractor(tiny_model, image_size=32)

    def noise(images, *, batch_size=32):
        rng = np.random.default_rng(len(images))
        return rng.normal(size=(len(images), extractor.feature_size)).astype(np.float32)

    monkeypatch.setattr(extractor, "extract", noise)
    result = precision_accuracy(extractor, data, options)
    assert result.accuracy < 0.3, "of ten classes, by chance"
    own = TransferModel(FeatureExtractor(tiny_model, image_size=32), data.class_names)
    own.fit(data.train.images, data.train.labels)
    by_hand = own.predict(data.test.images).argmax(axis=1) == data.test.labels
    assert result.reference == pytest.approx(by_hand.mean())
    with pytest.raises(AssertionError, match="expected at least 99 %"):
        check_precision(result, "int8")
