"""A network whose first layers run strip by strip computes what it did before."""

import numpy as np
import pytest

from tl_core.conversion.channels_last import keep_channels_last
from tl_core.conversion.strips import MOST, Window, run_in_strips
from tl_core.engines.openvino import loaded_runtime

#: Where the CPU has bfloat16, OpenVINO takes it unless told otherwise.
EXACT = {"INFERENCE_PRECISION_HINT": "f32"}
SIDE = 29


@pytest.fixture(scope="module")
def runtime():
    return loaded_runtime()


def constant(values):
    from openvino import opset13

    return opset13.constant(np.asarray(values, np.float32))


class Net:
    """A network that is put together layer by layer."""

    def __init__(self, images=2):
        from openvino import opset13

        self.ops, self.draw = opset13, np.random.default_rng(0)
        self.images = opset13.parameter([images, SIDE, SIDE, 3], np.uint8, name="images")
        scaled = opset13.divide(opset13.convert(self.images, np.float32), constant(255))
        moved = opset13.subtract(scaled, constant(self.draw.normal(size=(1, 1, 1, 3))))
        self.out = opset13.transpose(moved, opset13.constant(np.array([0, 3, 1, 2])))
        self.channels = 3

    def convolution(self, channels, kernel=3, stride=1, pads=(0, 0), auto_pad="explicit", **more):
        dilations = more.get("dilations", 1)
        weights = self.draw.normal(size=(channels, self.channels, kernel, kernel)) / kernel**2
        self.out = self.ops.convolution(
            self.out, constant(weights), [stride] * 2, [pads[0]] * 2, [pads[1]] * 2,
            [dilations] * 2, auto_pad=auto_pad,
        )  # fmt: skip
        self.channels = channels
        return self.biased()

    def depthwise(self, kernel=3, stride=1, pads=(0, 0), auto_pad="explicit"):
        weights = self.draw.normal(size=(self.channels, 1, 1, kernel, kernel))
        self.out = self.ops.group_convolution(
            self.out, constant(weights), [stride] * 2, [pads[0]] * 2, [pads[1]] * 2, [1, 1],
            auto_pad=auto_pad,
        )  # fmt: skip
        return self.biased()

    def biased(self):
        bias = self.draw.normal(size=(1, self.channels, 1, 1))
        self.out = self.ops.clamp(self.ops.add(self.out, constant(bias)), -1.0, 6.0)
        return self

    def scaled_by_row(self):
        """By another number in each row, which isn't the same for every strip."""
        rows = self.draw.normal(size=(1, 1, self.out.output(0).get_shape()[2], 1))
        self.out = self.ops.multiply(self.out, constant(rows))
        return self

    def residual(self):
        self.out = self.ops.add(self.ops.relu(self.out), self.out)
        return self

    def pooled(self):
        self.out = self.ops.reduce_mean(self.out, self.ops.constant(np.array([2, 3])), False)
        return self

    def model(self, runtime):
        return runtime.Model([self.out], [self.images], "model")


NETS = {
    "as in MobileNetV2": lambda: (
        Net().convolution(8, stride=2, auto_pad="same_upper").depthwise(auto_pad="same_upper")
        .convolution(4, 1).convolution(16, 1).depthwise(stride=2, auto_pad="same_upper")
        .convolution(6, 1).residual().convolution(8, 3, auto_pad="same_upper").pooled()
    ),
    "padded explicitly": lambda: (
        Net().convolution(8, 5, pads=(2, 1)).depthwise(3, 2, (1, 0)).convolution(4, 3, 1, (0, 2))
        .pooled()
    ),
    "without padding": lambda: (
        Net().convolution(8, 5, 2, auto_pad="valid").convolution(4, 4, auto_pad="valid").residual()
    ),
    "one image": lambda: Net(1).convolution(8, 3, 3, (1, 1)).convolution(4, 7, 2, (3, 3)).pooled(),
}  # fmt: skip


def run(runtime, model):
    draw = np.random.default_rng(1)
    images = draw.integers(0, 256, list(model.input(0).get_shape()), np.uint8)
    return runtime.Core().compile_model(model, "CPU", EXACT)(images)[0]


def kinds(model):
    return [node.get_type_name() for node in model.get_ordered_ops()]


@pytest.mark.parametrize("make", NETS.values(), ids=NETS)
@pytest.mark.parametrize("share", [0.6, 0.3, 0.01], ids=["2", "4", "most"])
def test_every_output_is_what_it_was(runtime, make, share):
    model = make().model(runtime)
    expected = run(runtime, model)
    largest = max(
        np.prod(node.output(0).get_shape()[1:])
        for node in model.get_ordered_ops()
        if node.get_output_size()
    )
    strips = run_in_strips(model, int(4 * largest * share))
    assert 1 < strips <= MOST
    assert kinds(model).count("Slice") == strips
    np.testing.assert_allclose(run(runtime, model), expected, rtol=1e-5, atol=1e-5)


def test_what_has_room_stays_whole(runtime):
    model = NETS["as in MobileNetV2"]().model(runtime)
    before = kinds(model)
    assert run_in_strips(model, 10**9) == 1
    assert kinds(model) == before


@pytest.mark.parametrize(
    "net",
    [
        lambda: Net().convolution(8),
        lambda: Net().residual().convolution(8).convolution(8),
        lambda: Net().convolution(8, dilations=2).convolution(8),
        lambda: Net().convolution(8).scaled_by_row().convolution(8),
    ],
    ids=["one convolution", "a branch first", "dilated", "other rows, other numbers"],
)
def test_other_networks_are_left_alone(runtime, net):
    model = net().model(runtime)
    expected = run(runtime, model)
    assert run_in_strips(model, 1) == 1
    np.testing.assert_array_equal(run(runtime, model), expected)


def test_images_with_channels_first_are_left_alone(runtime):
    from openvino import opset13

    images = opset13.parameter([1, 3, SIDE, SIDE], np.float32, name="images")
    made, draw = images, np.random.default_rng(0)
    for _ in range(2):
        weights = constant(draw.normal(size=(3, 3, 3, 3)))
        made = opset13.convolution(made, weights, [1, 1], [0, 0], [0, 0], [1, 1])
    model = runtime.Model([made], [images], "model")
    assert not keep_channels_last(model)
    assert run_in_strips(model, 1) == 1


@pytest.mark.parametrize(
    ("window", "rows", "expected"),
    [
        (Window(3, 1, 1, 10), (0, 10), (0, 10, 1, 1)),
        (Window(3, 1, 1, 10), (0, 4), (0, 5, 1, 0)),
        (Window(3, 1, 1, 10), (4, 10), (3, 10, 0, 1)),
        (Window(3, 2, 0, 10), (2, 5), (4, 10, 0, 1)),
        (Window(1, 1, 0, 10), (3, 7), (3, 7, 0, 0)),
    ],
)
def test_rows_that_outputs_need(window, rows, expected):
    assert window.reads(*rows) == expected
