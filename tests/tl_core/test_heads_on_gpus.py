"""A model on a GPU trains its head there, on features that stay there; a CPU stands for the GPU."""

import numpy as np
import pytest
from test_devices import run_fresh

from tl_core.device_features import DeviceFeatures
from tl_core.device_trainer import DeviceTrainer
from tl_core.devices import Devices
from tl_core.engines import opening
from tl_core.errors import DataError
from tl_core.extractor import FeatureExtractor
from tl_core.transfer import TransferModel

#: TensorFlow with two logical CPUs, of which the device "gpu" is the second, or both.
START = """
import json, numpy as np, tensorflow as tf
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
from tl_core.devices import Devices
import tl_core.engines.opening
NAMES = {{"cpu": ("CPU:0",), "gpu": {names}}}
tl_core.engines.opening.select_devices = lambda spec: Devices(spec, NAMES[spec])
from tl_core import FeatureExtractor, TransferModel, load_data
data = load_data("photo-patches").head(100, 10)
images, labels = data.train.images, data.train.labels
on_cpu, on_gpu = (FeatureExtractor({model!r}, device=device, chunk=chunk)
                  for device, chunk in (("cpu", None), ("gpu", 16)))
def model(extractor):
    return TransferModel(extractor, data.class_names)
def difference(one, other):
    return max(float(np.abs(a - b).max()) for a, b in (
        (one.head.kernel, other.head.kernel), (one.head.bias, other.head.bias)))
"""
REPLICAS = [
    pytest.param('("CPU:1",)', id="one GPU", marks=pytest.mark.slow),
    pytest.param('("CPU:1", "CPU:0")', id="two GPUs", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("names", REPLICAS)
def test_features_stay_on_the_gpu_from_extraction_to_the_trained_head(tiny_model, names):
    """On the device that the network has, or its first replica; as TensorFlow's steps train."""
    code = """
features = on_gpu.extract_to_device(images, batch_size=32)
gpu, cpu = model(on_gpu), model(on_cpu)
trainer = gpu.compile()
losses = gpu.fit_features(features, labels, epochs=2)
others = cpu.fit(images, labels, epochs=2)
print(json.dumps([
    [type(trainer).__name__, type(cpu.compile()).__name__],
    [trainer.device, features.device],
    sorted({tensor.device[-5:] for tensor in (features._rows, *trainer._state)}),
    float(np.abs(np.asarray(features) - on_cpu.extract(images)).max()),
    difference(gpu, cpu), float(np.abs(gpu.head.kernel - model(on_cpu).head.kernel).max()),
    float(np.abs(np.array(losses) - others).max()),
]))
"""
    types, devices, placed, *differences = run_fresh(
        START.format(model=tiny_model, names=names) + code
    )
    assert types == ["DeviceTrainer", "TensorFlowTrainer"]
    assert devices == ["CPU:1", "CPU:1"]
    assert placed == ["CPU:1"]
    features, heads, trained, losses = differences
    assert features < 1e-4
    assert heads < 1e-4 < trained
    assert losses < 1e-3


@pytest.fixture(scope="module")
def open_extractor(tiny_model):
    """Opens the tiny model on the device "cpu", or "gpu" with a CPU in its place."""

    def opened(device, **options):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(opening, "select_devices", lambda spec: Devices(spec, ("CPU:0",)))
            chunk = None if device == "cpu" else 16
            extractor = FeatureExtractor(tiny_model, device=device, chunk=chunk, **options)
            assert extractor.network.device == "CPU:0"  # opened while it is in its place
        return extractor

    return opened


@pytest.fixture(scope="module")
def extractors(open_extractor):
    """On the CPU, and as if on a GPU."""
    return open_extractor("cpu"), open_extractor("gpu")


@pytest.mark.parametrize(
    "fit",
    [
        pytest.param(lambda model, *data: model.fit(*data, track="cached"), id="cached"),
        pytest.param(lambda model, *data: model.fit(*data), id="recompute"),
        pytest.param(
            lambda model, *data: model.fit(*data, batch_size=5, epochs=2),
            id="recompute, three batches a call",
        ),
        pytest.param(
            lambda model, *data: model.fit(*data) + model.fit(*data, track="cached"),
            id="recompute, then cached",
        ),
        pytest.param(
            lambda model, images, labels: model.fit_features(
                model.extractor.extract(images), labels
            ),
            id="features on the host",
        ),
        pytest.param(
            lambda model, images, labels: (
                model.fit_to_convergence(model.extractor.extract_to_device(images), labels).losses
            ),
            id="to convergence",
        ),
        pytest.param(
            lambda model, images, labels: (
                model.fit_ridge(model.extractor.extract_to_device(images), labels) or [0.0]
            ),
            id="ridge",
        ),
    ],
)
def test_every_way_of_fitting_gives_the_cpus_head(request, extractors, patches, fit):
    models = [TransferModel(each, patches.class_names) for each in extractors]
    losses = [fit(model, patches.train.images, patches.train.labels) for model in models]
    np.testing.assert_allclose(losses[1], losses[0], atol=1e-3)
    features = extractors[0].extract(patches.test.images)
    if request.node.callspec.id != "ridge":  # which divides features by their spread, however small
        np.testing.assert_allclose(models[1].head.kernel, models[0].head.kernel, atol=1e-3)
        np.testing.assert_allclose(models[1].head.bias, models[0].head.bias, atol=1e-3)
    logits = [features @ model.head.kernel + model.head.bias for model in models]
    np.testing.assert_allclose(logits[1], logits[0], atol=1e-3)
    start = TransferModel(extractors[0], patches.class_names).head
    assert np.abs(models[1].head.kernel - start.kernel).max() > 1e-3


def test_features_that_are_extracted_anew_do_not_leave_the_device(extractors, patches, monkeypatch):
    """One loop trains on all that a call extracts, and the step of a batch isn't called."""
    import tensorflow as tf

    trained, steps = [], DeviceTrainer.steps
    monkeypatch.setattr(DeviceTrainer, "step", None)
    monkeypatch.setattr(
        DeviceTrainer, "steps", lambda self, *args: (trained.append(args), steps(self, *args))[1]
    )
    images, labels = patches.train.images.head(47), patches.train.labels[:47]
    TransferModel(extractors[1], patches.class_names).fit(images, labels, batch_size=8)
    assert all(tf.is_tensor(rows) for rows, *_ in trained)
    assert [(len(rows), size) for rows, _, size in trained] == [(16, 8), (16, 8), (15, 8)]


@pytest.mark.parametrize(
    ("device", "cache", "expected"),
    [
        ("cpu", False, ["TensorFlowTrainer", "ndarray"]),
        ("cpu", True, ["ArrayTrainer", "ndarray"]),
        ("gpu", False, ["DeviceTrainer", "DeviceFeatures"]),
        ("gpu", True, ["DeviceTrainer", "DeviceFeatures"]),
    ],
)
def test_who_trains_a_head_on_what(open_extractor, patches, device, cache, expected):
    extractor = open_extractor(device, cache=cache)
    model = TransferModel(extractor, patches.class_names)
    rows = extractor.extract_to_device(patches.train.images)
    assert [type(each).__name__ for each in (model.compile(), rows)] == expected
    assert extractor.to_device(rows) is rows
    np.testing.assert_allclose(
        np.asarray(rows), extractor.extract(patches.train.images), rtol=1e-4, atol=1e-4
    )
    model.unfreeze()
    assert type(model.compile()).__name__ == "TensorFlowTrainer"


def test_features_of_no_images_are_none(extractors, patches):
    none = patches.train.images.head(0)
    assert [each.extract_to_device(none).shape for each in extractors] == [(0, 2048)] * 2


class HostNetwork:
    """A network whose outputs are always on the host."""

    in_flight, module = 1, None

    def __init__(self, network):
        self.image_size, self.output_size = network.image_size, network.output_size
        self.device, self._network = network.device, network

    def __call__(self, images):
        return self._network(images)


def test_a_network_that_cannot_leave_its_outputs_on_the_gpu_is_no_problem(
    open_extractor, patches, monkeypatch
):
    extractor = open_extractor("gpu")
    expected = extractor.extract(patches.train.images)
    plain = HostNetwork(extractor.network)
    monkeypatch.setattr(FeatureExtractor, "network", property(lambda self: plain))
    features = extractor.extract_to_device(patches.train.images)
    assert isinstance(features, DeviceFeatures)
    np.testing.assert_allclose(np.asarray(features), expected, rtol=1e-4, atol=1e-4)


def test_features_of_a_gpu_are_checked_as_others_are(extractors, patches):
    model = TransferModel(extractors[1], patches.class_names)
    features = DeviceFeatures(np.zeros((96, 7), np.float32), "CPU:0")
    with pytest.raises(DataError, match=r"shape \(96, 7\): expected float32 \(n, 2048\)"):
        model.fit_features(features, patches.train.labels)


@pytest.mark.gpu
def test_a_real_gpu_trains_the_cpus_head(tiny_model):
    """On the same features; its products may be in TF32."""
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has no GPU that TensorFlow can use")
    code = f"""
import json, numpy as np
from tl_core import FeatureExtractor, TransferModel, load_data
from tl_core.head import LEARNING_RATE, ArrayTrainer
from tl_core.training import rows_of, train
data = load_data("photo-patches").head(100, 10)
extractor = FeatureExtractor({tiny_model!r}, device="gpu:0", chunk=32)
model = TransferModel(extractor, data.class_names)
twin = TransferModel(extractor, data.class_names).head
features = extractor.extract_to_device(data.train.images)
losses = model.fit_features(features, data.train.labels, epochs=3)
trainer = ArrayTrainer(twin, learning_rate=LEARNING_RATE)
others = train(trainer, rows_of(np.asarray(features), 32), data.train.labels, 3, 0)
print(json.dumps([
    features.is_resident, bool(np.allclose(losses, others, rtol=0.01)),
    float(np.abs(model.head.kernel - twin.kernel).mean()) < 1e-4,
]))
"""
    assert run_fresh(code) == [True, True, True]
