"""Every engine computes what the reference does, or is refused."""

import importlib
from dataclasses import replace

import numpy as np
import pytest

from tl_core import equivalence
from tl_core.conversion import cache
from tl_core.data import load_data
from tl_core.devices import Devices
from tl_core.engines import engine_for, engine_names, open_model, opening
from tl_core.engines.names import ENGINES, check_device, is_installed
from tl_core.errors import DeviceError, ModelError
from tl_core.extractor import FeatureExtractor
from tl_core.models import NetworkSettings
from tl_core.resize import resize_batch
from tl_core.transfer import TransferModel

SIZE = 32
RUNTIMES = [name for name, engine in ENGINES.items() if engine.runtime]
#: The library's own: the suite adds one, where its tests run in the same process.
OTHERS = [
    name for name, each in ENGINES.items() if "tl_core" in each.module and name != "tensorflow"
]


@pytest.fixture(scope="module")
def pixels():
    images = load_data("photo-patches").test.images.pixels[:13]
    return resize_batch(images, SIZE)


@pytest.fixture(scope="module", params=OTHERS)
def opened(request, tiny_model):
    settings = NetworkSettings(SIZE, threads=None)
    return open_model(tiny_model, "features", request.param, settings)


def cosines(a, b):
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def test_features_are_the_references(opened, reference, pixels):
    features = opened.network(pixels)
    assert features.shape == (13, 2048)
    assert features.dtype == np.float32
    assert (opened.network.image_size, opened.network.output_size) == (SIZE, 2048)
    np.testing.assert_allclose(features, reference(pixels), rtol=1e-3, atol=1e-3)


def test_it_says_how_near_it_is_to_the_reference(opened):
    assert opened.equivalence.cosine > 0.9999
    assert opened.equivalence.agreement >= 1 - 1.5 / equivalence.IMAGES
    assert opened.equivalence.images == equivalence.IMAGES


@pytest.mark.parametrize("count", [0, 1, 5])
def test_any_batch_size_will_do(opened, reference, pixels, count):
    if opened.engine == "tensorflow-xla" and count == 0:
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
        opened.network(np.zeros((1, 40, 40, 3), np.uint8))


def test_a_whole_data_set_comes_out_in_order_on_every_engine(opened, patches, tiny_model):
    extractor = FeatureExtractor(tiny_model, engine=opened.engine)
    features = extractor.extract(patches.train.images, batch_size=7)
    reference = FeatureExtractor(tiny_model).extract(patches.train.images)
    assert cosines(features, reference).min() > 0.9999


@pytest.mark.parametrize("engine", sorted(RUNTIMES))
@pytest.mark.parametrize("sizes", [(1, 1), (1, 5), (2, 3), (2, 64)], ids=str)
def test_workers_and_chunks_change_nothing_but_the_speed(
    engine, sizes, reference, pixels, tiny_model
):
    workers, chunk = sizes
    settings = NetworkSettings(SIZE, threads=2, workers=workers, chunk=chunk)
    try:
        opened = open_model(tiny_model, "features", engine, settings)
    except DeviceError:
        pytest.skip("TensorFlow runs with another number of threads in this process")
    assert (opened.network.workers, opened.network.chunk) == (workers, chunk)
    assert (opened.choice.workers, opened.choice.chunk) == (workers, chunk)
    np.testing.assert_allclose(opened.network(pixels), reference(pixels), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("engine", sorted(RUNTIMES))
def test_a_classifier_runs_too(engine, tiny_classifier):
    settings = NetworkSettings(SIZE)
    opened = open_model(tiny_classifier, "logits", engine, settings)
    assert opened.network.output_size == 1000
    assert opened.equivalence.agreement > 0.97


@pytest.mark.parametrize("engine", sorted(RUNTIMES))
def test_a_head_is_trained_on_any_engine(engine, patches, tiny_model):
    model = TransferModel(FeatureExtractor(tiny_model, engine=engine), patches.class_names)
    model.fit(patches.train.images, patches.train.labels, epochs=8)
    assert model.evaluate(patches.test.images, patches.test.labels).accuracy > 0.5
    with pytest.raises(ModelError, match="tensorflow"):
        model.unfreeze()


def test_int8_is_near_enough_and_takes_raw_pixels(pixels, reference, tiny_model):
    settings = NetworkSettings(SIZE, precision="int8")
    opened = open_model(tiny_model, "features", "litert", settings)
    features = opened.network(pixels)
    nearness = cosines(features, reference(pixels))
    assert 0.8 < nearness.min() < 0.99999, "not single precision under another name"
    assert opened.equivalence.cosine < 0.99999


def test_workers_of_an_engine_that_has_none_are_refused(tiny_model):
    for option in ({"workers": 2}, {"chunk": 4}):
        with pytest.raises(ModelError, match="engine tensorflow: it has no workers and chunks"):
            open_model(tiny_model, "features", "tensorflow", NetworkSettings(SIZE, **option))


def test_what_a_converter_raises_becomes_an_error_of_the_model(monkeypatch, tiny_model):
    litert = importlib.import_module("tl_core.engines.litert")

    def broken(*args, **kwargs):
        raise ValueError("no such operation\nand much more")

    monkeypatch.setattr(litert, "convert", broken)
    message = r"engine litert can't run .*tiny.* \(ValueError: no such operation\); use the engine"
    with pytest.raises(ModelError, match=message):
        open_model(tiny_model, "features", "litert", NetworkSettings(SIZE))


@pytest.mark.parametrize("engine", ["litert", "auto"])
def test_what_native_code_makes_of_an_interruption_is_one(
    engine, monkeypatch, tmp_path, tiny_model
):
    """Else ``auto`` would choose among the others, for good."""
    monkeypatch.setenv("TLBENCH_CACHE", str(tmp_path))
    litert = importlib.import_module("tl_core.engines.litert")

    def interrupted(*args, **kwargs):
        raise RuntimeError("KeyboardInterrupt: \n\nAt:\n  model.py(3): call")

    monkeypatch.setattr(litert, "convert", interrupted)
    with pytest.raises(KeyboardInterrupt):
        open_model(tiny_model, "features", engine, NetworkSettings(SIZE))


def test_labels_are_checked_though_the_conversion_is_cached(tiny_classifier):
    for classes in (None, 1000):
        open_model(tiny_classifier, "logits", "litert", NetworkSettings(SIZE, classes=classes))
    with pytest.raises(ModelError, match="1000 outputs but 5 labels; pass one per output"):
        open_model(tiny_classifier, "logits", "litert", NetworkSettings(SIZE, classes=5))


def test_a_model_trained_on_any_engine_is_saved(patches, tmp_path, tiny_model):
    model = TransferModel(FeatureExtractor(tiny_model, engine="litert"), patches.class_names)
    model.save(tmp_path / "saved")
    again = TransferModel.load(tmp_path / "saved")
    images = patches.test.images.pixels[:9]
    np.testing.assert_allclose(again.predict(images), model.predict(images), atol=1e-4)


def test_an_engine_that_computes_something_else_is_refused(monkeypatch, tiny_model):
    litert = importlib.import_module("tl_core.engines.litert")
    right = litert.Interpreter.__call__
    monkeypatch.setattr(
        litert.Interpreter, "__call__", lambda self, images: right(self, 255 - images)
    )
    with pytest.raises(
        ModelError, match=r"litert fp32 differs from the reference: cosine -?0\.\d+"
    ):
        open_model(tiny_model, "features", "litert", NetworkSettings(SIZE))


@pytest.mark.parametrize("engine", sorted(RUNTIMES))
def test_an_engine_that_is_not_installed_says_how_to_install_it(engine, monkeypatch, tiny_model):
    absent = replace(ENGINES[engine], runtime="no_such_module")
    monkeypatch.setitem(ENGINES, engine, absent)
    assert not is_installed(engine)
    with pytest.raises(ModelError, match=rf"engine {engine}: its package .*the \[engines\] extra"):
        open_model(tiny_model, "features", engine, NetworkSettings(SIZE))


@pytest.mark.parametrize("engine", ["litert", "openvino"])
def test_engines_of_the_cpu_refuse_a_gpu(engine, monkeypatch, tiny_model):
    able = "tensorflow, tensorflow-xla, onnxruntime"
    with pytest.raises(DeviceError, match=f"cpu only; on GPUs use one of the engines {able}"):
        check_device(engine, Devices("gpu", ("GPU:0",)))
    monkeypatch.setattr(opening, "select_devices", lambda spec: Devices(spec, ("GPU:0",)))
    with pytest.raises(DeviceError, match=f"engine {engine} on device 'gpu'"):
        open_model(tiny_model, "features", engine, NetworkSettings(device="gpu"))


@pytest.mark.parametrize(
    ("engine", "precision", "message"),
    [
        ("tflite", "fp32", "engine tflite: expected one of tensorflow, tensorflow-xla, litert"),
        ("litert", "fp8", "precision fp8: expected one of fp32, bf16, fp16, int8"),
        ("tensorflow", "int8", "expected fp32, or for int8 one of the engines litert"),
        ("litert", "bf16", "expected fp32, int8, or for bf16 one of the engines openvino"),
    ],
)
def test_names_that_are_none_are_refused(engine, precision, message, tiny_model):
    with pytest.raises(ModelError, match=message):
        open_model(tiny_model, "features", engine, _settings(precision))


def _settings(precision):
    settings = NetworkSettings(SIZE)
    object.__setattr__(settings, "precision", precision)  # past its own check
    return settings


@pytest.mark.parametrize("name", ["workers", "chunk"])
def test_numbers_below_one_are_refused(name):
    with pytest.raises(ModelError, match=f"{name} 0: expected at least 1"):
        NetworkSettings(SIZE, **{name: 0})


def test_auto_takes_the_fastest_of_those_that_compute_the_same(monkeypatch, tmp_path, tiny_model):
    monkeypatch.setattr(cache, "cache_dir", lambda: tmp_path)
    rates = {"tensorflow": 5.0, "litert": 7.0, "onnxruntime": 9.0, "openvino": 8.0}
    tried = []

    def fastest(networks):
        tried.extend(networks)
        return max(networks, key=lambda name: rates.get(name, 1.0))

    monkeypatch.setattr(opening, "fastest", fastest)
    monkeypatch.setattr(opening, "is_installed", lambda name: name != "openvino")
    original = opening.verify

    def verify(run, size, reference, kind, *, engine, **options):
        if engine == "onnxruntime":
            raise ModelError("differs")
        return original(run, size, reference, kind, engine=engine, **options)

    monkeypatch.setattr(opening, "verify", verify)

    def worth(images, **options):
        return engine_for(tiny_model, "features", NetworkSettings(SIZE, **options), images)

    assert worth(opening.WORTH_CHOOSING - 1) == "tensorflow", "to choose costs more than it saves"
    assert worth(opening.WORTH_CHOOSING) == "auto"
    assert worth(1, workers=1) == worth(1, precision="int8") == "auto", "which the reference lacks"
    assert tried == []
    opened = open_model(tiny_model, "features", "auto", NetworkSettings(SIZE))
    assert opened.engine == "litert"
    assert set(tried) == {"tensorflow", "tensorflow-xla", "litert"}

    monkeypatch.setattr(opening, "fastest", None)
    again = open_model(tiny_model, "features", "auto", NetworkSettings(SIZE))
    assert again.engine == "litert", "chosen once, and cached"
    assert worth(1) == "litert"


def test_the_names_are_the_contracts():
    ours = [
        name for name in engine_names() if name not in ENGINES or "tl_core" in ENGINES[name].module
    ]
    assert ours == ["tensorflow", "tensorflow-xla", "litert", "onnxruntime", "openvino", "auto"]


@pytest.mark.slow
@pytest.mark.parametrize("engine", OTHERS)
def test_the_embedded_model_runs_on_every_engine(engine):
    opened = open_model("efficientnet-lite0", "features", engine, NetworkSettings(64))
    assert opened.network.output_size == 1280
    assert opened.equivalence.cosine > 0.9999


def test_the_bound_of_equality_is_that_of_single_precision(monkeypatch, tiny_model):
    """A network that is a little off, by far less than a lower precision would be, is refused."""
    litert = importlib.import_module("tl_core.engines.litert")
    right = litert.Interpreter.__call__
    noise = np.random.default_rng(0).normal(size=(1, 2048)).astype(np.float32)

    def off(self, images):
        outputs = right(self, images)
        return outputs + 0.02 * noise * np.linalg.norm(outputs, axis=1, keepdims=True) / 45

    monkeypatch.setattr(litert.Interpreter, "__call__", off)
    with pytest.raises(ModelError, match=r"cosine 0\.999[78]\d+, expected at least 0\.9999;"):
        open_model(tiny_model, "features", "litert", NetworkSettings(SIZE))
