"""16 bits by TensorFlow: offered on GPUs, and the same on the CPU, which stands for one here."""

import json
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from tl_core.data import load_data
from tl_core.devices import Devices
from tl_core.engines import open_model, opening
from tl_core.engines.names import AUTO, ENGINES, ON_GPUS, check_engine, precisions_on
from tl_core.errors import ModelError
from tl_core.extractor import FeatureExtractor
from tl_core.models import NetworkSettings
from tl_core.resize import resize_batch
from tl_core.transfer import TransferModel

SIZE = 32
ENGINE_NAMES = ("tensorflow", "tensorflow-xla")
PRECISIONS = ("bf16", "fp16")


@pytest.fixture
def cpu_as_gpu(monkeypatch):
    """The CPU has the precisions of GPUs."""
    for name in ENGINE_NAMES:
        monkeypatch.setitem(ENGINES, name, replace(ENGINES[name], precisions=ON_GPUS))


@pytest.fixture(scope="module")
def pixels():
    return resize_batch(load_data("photo-patches").test.images.pixels[:13], SIZE)


def cosines(a, b):
    return (a * b).sum(axis=1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def save_model(folder, function, shape=(None, SIZE, SIZE, 3)):
    """A SavedModel of a function of float32 images."""
    import tensorflow as tf

    module = tf.train.Checkpoint()
    spec = tf.TensorSpec(shape, tf.float32, name="images")
    module.__call__ = tf.function(function, input_signature=[spec], autograph=False)
    tf.saved_model.save(module, str(folder))
    return str(folder)


def settings(precision, **more):
    return NetworkSettings(SIZE, precision=precision, input_range="0-1", **more)


@pytest.mark.usefixtures("cpu_as_gpu")
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("engine", ENGINE_NAMES)
def test_features_are_near_the_references_and_compared_with_them(
    engine, precision, reference, pixels, tiny_model
):
    opened = open_model(tiny_model, "features", engine, NetworkSettings(SIZE, precision=precision))
    network = opened.network
    features = network(pixels)
    assert (features.shape, features.dtype) == ((13, 2048), np.float32)
    assert (network.image_size, network.output_size) == (SIZE, 2048)
    nearness = cosines(features, reference(pixels))
    assert nearness.min() > 0.99
    assert np.abs(features - reference(pixels)).max() > 1e-4, "not float32 under another name"
    assert 0.99 < opened.equivalence.cosine < 1
    assert network.module is None, "constants can't be trained"
    for count in (1, 5):
        np.testing.assert_allclose(network(pixels[:count]), features[:count], rtol=0.1, atol=0.05)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_classifier_runs_too(precision, cpu_as_gpu, tiny_classifier):
    asked = NetworkSettings(SIZE, precision=precision)
    opened = open_model(tiny_classifier, "logits", "tensorflow", asked)
    assert opened.network.output_size == 1000
    assert opened.equivalence.agreement > 0.85


@pytest.mark.parametrize("engine", ENGINE_NAMES)
def test_a_model_that_takes_three_images_at_once_is_given_three(engine, cpu_as_gpu, tmp_path):
    import tensorflow as tf

    kernel = np.random.default_rng(3).normal(size=(3, 3, 3, 24)).astype(np.float32)
    handle = save_model(
        tmp_path, lambda images: tf.nn.relu(tf.nn.conv2d(images, kernel, 2, "SAME")),
        (3, SIZE, SIZE, 3),
    )  # fmt: skip
    images = np.random.default_rng(4).integers(0, 256, (5, SIZE, SIZE, 3), np.uint8)
    reference = open_model(handle, "features", "tensorflow", settings("fp32")).network
    network = open_model(handle, "features", engine, settings("bf16")).network
    assert cosines(network(images), reference(images)).min() > 0.999


def test_numbers_that_are_too_large_for_fp16_are_refused_and_bf16_has_them(cpu_as_gpu, tmp_path):
    import tensorflow as tf

    kernel = 1e6 * np.random.default_rng(3).normal(size=(3, 3, 3, 24)).astype(np.float32)
    handle = save_model(
        tmp_path,
        lambda images: tf.reduce_mean(tf.nn.relu(tf.nn.conv2d(images, kernel, 2, "SAME")), (1, 2)),
    )
    assert open_model(handle, "features", "tensorflow", settings("bf16")).equivalence.cosine > 0.99
    message = "tensorflow fp16 differs from the reference: cosine -1.*; use precision fp32"
    with pytest.raises(ModelError, match=message):
        open_model(handle, "features", "tensorflow", settings("fp16"))


def test_a_model_whose_products_have_another_dtype_is_refused(cpu_as_gpu, tmp_path):
    import tensorflow as tf

    kernel = np.random.default_rng(3).normal(size=(3, 3, 3, 24)).astype(np.float16)

    def half(images):
        x = tf.nn.conv2d(tf.cast(images, tf.float16), kernel, 2, "SAME")
        return tf.cast(tf.reduce_mean(x, (1, 2)), tf.float32)

    handle = save_model(tmp_path, half)
    message = "0 of its 1 convolutions and matrix products can be computed in bf16"
    with pytest.raises(ModelError, match=message):
        open_model(handle, "features", "tensorflow", settings("bf16"))
    assert open_model(handle, "features", "tensorflow", settings("fp16")).equivalence.cosine > 0.999


def test_a_model_with_products_in_a_loop_is_refused(cpu_as_gpu, tmp_path):
    import tensorflow as tf

    kernel = np.random.default_rng(3).normal(size=(3, 3, 3, 24)).astype(np.float32)

    def one_by_one(images):
        def each(image):
            return tf.reduce_mean(tf.nn.conv2d(image[None], kernel, 2, "SAME"), (0, 1, 2))

        return tf.map_fn(each, images)

    handle = save_model(tmp_path, one_by_one)
    assert open_model(handle, "features", "tensorflow", settings("fp32"))
    with pytest.raises(ModelError, match="use precision fp32"):
        open_model(handle, "features", "tensorflow", settings("bf16"))


def test_what_tensorflow_raises_names_the_precision_that_works(monkeypatch, cpu_as_gpu, tiny_model):
    from tl_core.engines import tensorflow

    def broken(*_):
        raise NotImplementedError("No kernel\nand much more")

    monkeypatch.setattr(tensorflow, "mixed_module", broken)
    with pytest.raises(ModelError, match=r"\(NotImplementedError: No kernel\); use precision fp32"):
        open_model(tiny_model, "features", "tensorflow", NetworkSettings(SIZE, precision="bf16"))


def test_a_head_is_trained_and_the_network_is_saved_in_single_precision(
    cpu_as_gpu, patches, tiny_model, tmp_path
):
    model = TransferModel(FeatureExtractor(tiny_model, precision="bf16"), patches.class_names)
    model.fit(patches.train.images, patches.train.labels, epochs=8)
    accuracy = model.evaluate(patches.test.images, patches.test.labels).accuracy
    assert accuracy > 0.5
    model.save(tmp_path / "saved")
    again = TransferModel.load(tmp_path / "saved")
    assert again.extractor.precision == "fp32"
    saved = again.evaluate(patches.test.images, patches.test.labels).accuracy
    assert saved == pytest.approx(accuracy, abs=0.05)
    with pytest.raises(ModelError, match="tensorflow on one device, with precision fp32"):
        model.unfreeze()


@pytest.mark.slow
def test_each_device_computes_its_part_of_a_batch_in_16_bits(tiny_model):
    """Two logical CPUs stand for two GPUs."""
    code = f"""
import json, numpy as np, tensorflow as tf
from pathlib import Path
cpu = tf.config.list_physical_devices("CPU")[0]
two = [tf.config.LogicalDeviceConfiguration()] * 2
tf.config.set_logical_device_configuration(cpu, two)
from tl_core.devices import Devices
from tl_core.engines import tensorflow
from tl_core.models import Model, NetworkSettings
def opened(*names):
    model = Model(Path({tiny_model!r}), "x", "features")
    settings = NetworkSettings(32, precision="bf16")
    return tensorflow.open_network(model, Devices("gpu", names), settings)
both, one = opened("CPU:0", "CPU:1"), opened("CPU:0")
images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
operations = [
    [op for op in run.get_concrete_function().graph.get_operations() if op.type == "Conv2D"]
    for run in both._functions
]
print(json.dumps([
    [sorted({{(op.device[-5:], op.get_attr("T").name) for op in each}}) for each in operations],
    float(np.abs(both(images) - one(images)).max()),
]))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    places, difference = json.loads(done.stdout.splitlines()[-1])
    assert places == [[["CPU:0", "bfloat16"]], [["CPU:1", "bfloat16"]]]
    assert difference < 0.05


@pytest.mark.parametrize(
    ("engine", "precision", "device", "message"),
    [
        ("tensorflow", "bf16", "gpu", None),
        ("tensorflow-xla", "fp16", "gpu:1", None),
        ("litert", "int8", "cpu", None),
        ("litert", "int8", "gpu", None),  # check_device refuses it
        (AUTO, "fp16", "gpu", None),
        (AUTO, "bf16", "cpu", None),
        ("tensorflow", "bf16", "cpu",
         "cpu: expected fp32, or for bf16 one of the engines openvino or the device gpu"),
        ("tensorflow", "fp16", "cpu", "cpu: expected fp32, or for fp16 the device gpu"),
        ("openvino", "fp16", "cpu", "cpu: expected fp32, bf16$"),
        ("tensorflow", "int8", "gpu", "gpu: expected fp32, bf16, fp16$"),
        (AUTO, "fp16", "cpu",
         "precision fp16 on device cpu: no engine has it, expected one of fp32, bf16, int8"),
        (AUTO, "int8", "gpu:0",
         "precision int8 on device gpu:0: no engine has it, expected one of fp32, bf16, fp16"),
    ],
)  # fmt: skip
def test_a_precision_is_one_that_the_engine_has_on_the_device(engine, precision, device, message):
    if message is None:
        check_engine(engine, precision, device)
        return
    with pytest.raises(ModelError, match=message):
        check_engine(engine, precision, device)


def test_devices_have_the_precisions_of_their_engines():
    assert precisions_on("cpu") == ("fp32", "bf16", "int8")
    assert precisions_on("gpu") == precisions_on("gpu:3") == ON_GPUS
    assert ENGINES["litert"].precisions_on("gpu") == ()


def test_a_precision_that_is_not_there_is_refused_before_anything_is_loaded(monkeypatch):
    monkeypatch.setattr(opening, "select_devices", None)
    with pytest.raises(ModelError, match="precision fp16 on device cpu: expected fp32"):
        open_model("no such model", "features", "tensorflow", NetworkSettings(precision="fp16"))


def test_auto_tries_only_engines_that_have_the_precision_on_the_device(
    monkeypatch, cpu_as_gpu, tiny_model
):
    on_gpu = NetworkSettings(SIZE, precision="bf16", device="gpu", chunk=8)
    monkeypatch.setattr(opening, "select_devices", lambda spec: Devices(spec, ("CPU:0",)))
    tried = []
    monkeypatch.setattr(opening, "fastest", lambda networks: tried.extend(networks) or tried[0])
    opened = open_model(tiny_model, "features", AUTO, on_gpu)
    assert tried == list(ENGINE_NAMES)
    assert opened.engine == "tensorflow"
    assert opened.equivalence.cosine > 0.99


@pytest.mark.gpu
@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("engine", ENGINE_NAMES)
def test_a_real_gpu_gives_the_cpus_features_in_16_bits(engine, precision):
    import tensorflow as tf

    if not tf.config.list_physical_devices("GPU"):
        pytest.skip("this machine has no GPU that TensorFlow can use")
    code = f"""
import json, numpy as np
from tl_core import FeatureExtractor
images = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
how = dict(device="gpu", engine={engine!r}, precision={precision!r})
on_gpu = FeatureExtractor(image_size=96, **how).extract(images)
on_cpu = FeatureExtractor(image_size=96).extract(images)
lengths = np.linalg.norm(on_gpu, axis=1) * np.linalg.norm(on_cpu, axis=1)
print(json.dumps(float(((on_gpu * on_cpu).sum(axis=1) / lengths).min())))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) > 0.95
