"""Every engine computes what the reference does, or is refused."""

import importlib

import numpy as np
import pytest

from tl_core import equivalence
from tl_core.conversion import cache
from tl_core.data import load_data
from tl_core.devices import Devices
from tl_core.engines import NetworkSettings, engine_names, names, open_model, opening
from tl_core.engines.names import ENGINES, RUNTIMES
from tl_core.errors import DeviceError, ModelError
from tl_core.extractor import FeatureExtractor
from tl_core.resize import resize_batch
from tl_core.transfer import TransferModel

SIZE = 64
OTHERS = [name for name in ENGINES if name != "tensorflow"]


@pytest.fixture(scope="module")
def pixels():
    images = load_data("photo-patches").test.images.pixels[:13]
    return resize_batch(images, SIZE)


@pytest.fixture(scope="module", params=OTHERS)
def opened(request):
    settings = NetworkSettings(SIZE, threads=None)
    return open_model("efficientnet-lite0", "features", request.param, settings)


def cosines(a, b):
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_features_are_the_references(opened, reference, pixels):
    features = opened.network(pixels)
    assert features.shape == (13, 1280)
    assert features.dtype == np.float32
    assert (opened.network.image_size, opened.network.output_size) == (SIZE, 1280)
    np.testing.assert_allclose(features, reference(pixels), rtol=1e-3, atol=1e-3)


def test_how_near_it_is_to_the_reference_is_told(opened):
    assert opened.equivalence.cosine > 0.9999
    assert opened.equivalence.agreement >= 1 - 1.5 / equivalence.IMAGES
    assert opened.equivalence.images == equivalence.IMAGES


@pytest.mark.parametrize("count", [0, 1, 5])
def test_any_batch_size_will_do(opened, reference, pixels, count):
    if opened.engine in {"tensorflow-xla", "tutorial"} and count == 0:
        pytest.skip("TensorFlow refuses empty batches, which nobody makes")
    features = opened.network(pixels[:count])
    np.testing.assert_allclose(features, reference(pixels)[:count], rtol=1e-3, atol=1e-3)


def test_outputs_are_not_overwritten_by_the_next_call(opened, pixels):
    first = opened.network(pixels[:4])
    before = first.copy()
    opened.network(pixels[4:8])
    np.testing.assert_array_equal(first, before)


def test_images_of_another_size_are_refused(opened):
    with pytest.raises(ModelError, match=f"opened for {SIZE}"):
        opened.network(np.zeros((1, 32, 32, 3), np.uint8))


def test_a_whole_data_set_comes_out_in_order_on_every_engine(opened, patches):
    extractor = FeatureExtractor(engine=opened.engine, image_size=SIZE)
    features = extractor.extract(patches.train.images, batch_size=7)
    reference = FeatureExtractor(image_size=SIZE).extract(patches.train.images)
    assert cosines(features, reference).min() > 0.9999


@pytest.mark.parametrize("engine", sorted(RUNTIMES))
@pytest.mark.parametrize(("workers", "chunk"), [(1, 1), (1, 5), (2, 3), (2, 64)])
def test_workers_and_chunks_change_nothing_but_the_speed(engine, workers, chunk, reference, pixels):
    settings = NetworkSettings(SIZE, threads=2, workers=workers, chunk=chunk)
    try:
        opened = open_model("efficientnet-lite0", "features", engine, settings)
    except DeviceError:
        pytest.skip("TensorFlow runs with another number of threads in this process")
    assert (opened.network.workers, opened.network.chunk) == (workers, chunk)
    assert (opened.choice.workers, opened.choice.chunk) == (workers, chunk)
    np.testing.assert_allclose(opened.network(pixels), reference(pixels), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("engine", sorted(RUNTIMES))
def test_a_classifier_runs_too(engine):
    settings = NetworkSettings(SIZE)
    found = open_model("efficientnet-lite0", "logits", engine, settings)
    assert found.network.output_size == 1000
    assert found.equivalence.agreement > 0.97


@pytest.mark.parametrize("engine", sorted(RUNTIMES))
def test_a_head_is_trained_on_any_engine(engine, patches):
    model = TransferModel(
        FeatureExtractor(engine=engine, image_size=SIZE), patches.class_names, seed=0
    )
    model.fit(patches.train.images, patches.train.labels, epochs=8)
    assert model.evaluate(patches.test.images, patches.test.labels).accuracy > 0.5
    with pytest.raises(ModelError, match="tensorflow"):
        model.unfreeze()


def test_int8_is_near_enough_and_takes_raw_pixels(pixels, reference):
    settings = NetworkSettings(SIZE, precision="int8")
    opened = open_model("efficientnet-lite0", "features", "litert", settings)
    features = opened.network(pixels)
    found = cosines(features, reference(pixels))
    assert 0.8 < found.min() < 0.99999, "not single precision under another name"
    assert opened.equivalence.cosine < 0.99999


def test_workers_of_an_engine_that_has_none_are_refused():
    for option in ({"workers": 2}, {"chunk": 4}):
        with pytest.raises(ModelError, match="engine tensorflow: it has no workers and chunks"):
            open_model(
                "efficientnet-lite0", "features", "tensorflow", NetworkSettings(SIZE, **option)
            )


def test_what_a_converter_raises_is_told_as_an_error_of_the_model(monkeypatch):
    litert = importlib.import_module("tl_core.engines.litert")

    def broken(*args, **kwargs):
        raise ValueError("no such operation\nand much more")

    monkeypatch.setattr(litert, "convert", broken)
    message = r"engine litert can't run efficientnet-lite0 \(ValueError: no such operation\); take"
    with pytest.raises(ModelError, match=message):
        open_model("efficientnet-lite0", "features", "litert", NetworkSettings(SIZE))


def test_labels_are_checked_though_the_conversion_is_there_already():
    for classes in (None, 1000):
        open_model("efficientnet-lite0", "logits", "litert", NetworkSettings(SIZE, classes=classes))
    with pytest.raises(ModelError, match="1000 outputs but 5 labels were given"):
        open_model("efficientnet-lite0", "logits", "litert", NetworkSettings(SIZE, classes=5))


def test_a_model_trained_on_any_engine_is_saved(patches, tmp_path):
    model = TransferModel(FeatureExtractor(engine="litert", image_size=SIZE), patches.class_names)
    model.save(tmp_path / "saved")
    again = TransferModel.load(tmp_path / "saved")
    images = patches.test.images.pixels[:9]
    np.testing.assert_allclose(again.predict(images), model.predict(images), atol=1e-4)


def test_an_engine_that_computes_something_else_is_refused(monkeypatch):
    litert = importlib.import_module("tl_core.engines.litert")
    right = litert.Interpreter.__call__
    monkeypatch.setattr(
        litert.Interpreter, "__call__", lambda self, images: right(self, 255 - images)
    )
    with pytest.raises(ModelError, match=r"litert fp32 differs from the reference: cosine 0\.\d+"):
        open_model("efficientnet-lite0", "features", "litert", NetworkSettings(SIZE))


@pytest.mark.parametrize("engine", sorted(RUNTIMES))
def test_an_engine_that_is_not_installed_says_how_to_install_it(engine, monkeypatch):
    monkeypatch.setitem(names.RUNTIMES, engine, ("no_such_module", RUNTIMES[engine][1]))
    assert not names.is_installed(engine)
    with pytest.raises(ModelError, match=rf"engine {engine}: its package .*the \[engines\] extra"):
        open_model("efficientnet-lite0", "features", engine, NetworkSettings(SIZE))


@pytest.mark.parametrize("engine", [*sorted(RUNTIMES), "tutorial"])
def test_engines_of_the_cpu_refuse_a_gpu(engine):
    module = importlib.import_module(f"tl_core.engines.{engine}")
    with pytest.raises(DeviceError, match="it runs on the cpu only"):
        module.open_network(None, Devices("gpu", ("GPU:0",)), NetworkSettings(SIZE))


@pytest.mark.parametrize(
    ("engine", "precision", "message"),
    [
        ("tflite", "fp32", "engine tflite: expected one of tensorflow, tensorflow-xla, litert"),
        ("litert", "fp16", "precision fp16: expected one of fp32, bf16, int8"),
        ("tensorflow", "int8", "expected fp32, or for int8 one of the engines litert"),
        ("litert", "bf16", "expected fp32, int8, or for bf16 one of the engines openvino"),
    ],
)
def test_names_that_are_none_are_refused(engine, precision, message):
    with pytest.raises(ModelError, match=message):
        open_model("efficientnet-lite0", "features", engine, _settings(precision))


def _settings(precision):
    settings = NetworkSettings(SIZE)
    object.__setattr__(settings, "precision", precision)  # past its own check
    return settings


@pytest.mark.parametrize("name", ["workers", "chunk"])
def test_numbers_below_one_are_refused(name):
    with pytest.raises(ModelError, match=f"{name} 0: expected at least 1"):
        NetworkSettings(SIZE, **{name: 0})


def test_auto_takes_the_fastest_of_those_that_compute_the_same(monkeypatch, tmp_path):
    monkeypatch.setattr(cache, "cache_dir", lambda: tmp_path)
    rates = {"tensorflow": 5.0, "litert": 7.0, "onnxruntime": 9.0, "openvino": 8.0}
    tried = []

    def fastest(networks):
        tried.extend(networks)
        return max(networks, key=lambda name: rates.get(name, 1.0))

    monkeypatch.setattr(opening, "fastest", fastest)
    monkeypatch.setattr(opening, "is_installed", lambda name: name != "openvino")
    original = opening.verify

    def verify(run, size, reference, kind, *, engine, precision):
        if engine == "onnxruntime":
            raise ModelError("differs")
        return original(run, size, reference, kind, engine=engine, precision=precision)

    monkeypatch.setattr(opening, "verify", verify)
    found = open_model("efficientnet-lite0", "features", "auto", NetworkSettings(SIZE))
    assert found.engine == "litert"
    assert set(tried) == {"tensorflow", "tensorflow-xla", "litert"}

    monkeypatch.setattr(opening, "fastest", None)
    again = open_model("efficientnet-lite0", "features", "auto", NetworkSettings(SIZE))
    assert again.engine == "litert", "chosen once, and kept"


def test_the_names_are_the_contracts():
    assert engine_names() == (
        "tensorflow", "tensorflow-xla", "litert", "onnxruntime", "openvino", "tutorial", "auto",
    )  # fmt: skip
