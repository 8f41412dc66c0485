"""OpenVINO: fixed sizes, images as they lie in memory, threads that don't wait for each other."""

import subprocess
import sys

import numpy as np
import pytest

from tl_core.conversion.channels_last import keep_channels_last
from tl_core.engines.openvino import Compiled, Requests, loaded_runtime, shared_core

#: Where the CPU has bfloat16, OpenVINO takes it unless told otherwise.
EXACT = {"INFERENCE_PRECISION_HINT": "f32"}
FIRST_CALLS = """
import sys, threading
import numpy as np
from tl_core.engines.openvino import loaded_runtime, shared_core
runtime = loaded_runtime()
sys.setswitchinterval(1e-6)
from openvino import opset13
images = opset13.parameter([-1, 8], np.uint8)
model = runtime.Model([opset13.convert(images, np.float32)], [images], "model")
compiled = shared_core().compile_model(model, "CPU", {"NUM_STREAMS": 2})
begin = threading.Barrier(4)
def run(request):
    begin.wait()
    for _ in range(3):
        np.array(request.infer({0: np.zeros((2, 8), np.uint8)}, share_inputs=True)[0])
threads = [
    threading.Thread(target=run, args=(compiled.create_infer_request(),)) for _ in range(4)
]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""
#: The first of two networks is freed first. Then a signal comes that Python handles.
TWO_NETWORKS = """
import gc, signal, sys
import numpy as np
from pathlib import Path
from tl_core.engines.openvino import Compiled, loaded_runtime
runtime = loaded_runtime()
from openvino import opset13
images = opset13.parameter([-1, 8], np.uint8)
model = runtime.Model([opset13.convert(images, np.float32)], [images], "model")
file = Path(sys.argv[1], "model.xml")
runtime.save_model(model, file)
networks = [Compiled(file, {}) for _ in range(2)]
for each in networks:
    each.of(2)
del each
while networks:
    networks.pop(0)
    gc.collect()
signal.signal(signal.SIGTERM, lambda *_: print("handled"))
signal.raise_signal(signal.SIGTERM)
"""


@pytest.fixture(scope="module")
def runtime():
    return loaded_runtime()


def graph(runtime, scale, offset):
    """Images as TensorFlow's reader leaves them: transposed first, then scaled, then convolved."""
    from openvino import opset13

    def constant(values):
        return opset13.constant(np.asarray(values))

    images = opset13.parameter([-1, 6, 6, 3], np.uint8, name="images")
    turned = opset13.transpose(images, constant([0, 3, 1, 2]))
    scaled = opset13.multiply(opset13.convert(turned, np.float32), constant(scale))
    moved = opset13.add(scaled, constant(offset))
    weights = np.random.default_rng(0).normal(size=(4, 3, 3, 3)).astype(np.float32)
    convolved = opset13.convolution(moved, constant(weights), [1, 1], [0, 0], [0, 0], [1, 1])
    return runtime.Model([opset13.relu(convolved)], [images], "model")


def run(model, images):
    return shared_core().compile_model(model, "CPU", EXACT)(images)[0]


def kinds(model):
    return [node.get_type_name() for node in model.get_ordered_ops() if node.get_input_size()]


@pytest.mark.parametrize(
    "shape", [(), (1,), (1, 3, 1, 1), (1, 1, 1, 1)], ids=["scalar", "one", "by channel", "rank 4"]
)
def test_the_transposition_moves_behind_the_scaling_and_changes_nothing(runtime, shape):
    draw = np.random.default_rng(1)
    scale, offset = (draw.normal(size=shape).astype(np.float32) for _ in range(2))
    images = draw.integers(0, 256, (5, 6, 6, 3), np.uint8)
    model = graph(runtime, scale, offset)
    before = run(model, images)
    assert keep_channels_last(model)
    names = kinds(model)
    assert names.index("Transpose") > names.index("Add") > names.index("Convert")
    np.testing.assert_allclose(run(model, images), before, rtol=1e-5, atol=1e-4)


@pytest.mark.parametrize("shape", [(3, 1, 1), (6,)], ids=["rank 3", "by column"])
def test_what_is_scaled_otherwise_stays_behind_the_transposition(runtime, shape):
    model = graph(runtime, np.float32(2), np.ones(shape, np.float32))
    images = np.random.default_rng(1).integers(0, 256, (2, 6, 6, 3), np.uint8)
    before = run(model, images)
    assert keep_channels_last(model)
    names = kinds(model)
    assert names.index("Multiply") < names.index("Transpose") < names.index("Add")
    np.testing.assert_allclose(run(model, images), before, rtol=1e-5, atol=1e-4)


def test_a_graph_without_a_transposition_is_left_alone(runtime):
    from openvino import opset13

    images = opset13.parameter([-1, 3, 6, 6], np.float32, name="images")
    model = runtime.Model([opset13.relu(images)], [images], "model")
    assert not keep_channels_last(model)
    assert kinds(model) == ["Relu", "Result"]


@pytest.fixture
def compiled(runtime, tmp_path):
    model = graph(runtime, np.float32(1 / 255), np.float32(-0.5))
    file = tmp_path / "model.xml"
    runtime.save_model(model, file, compress_to_fp16=False)
    return Compiled(file, EXACT)


def test_each_number_of_images_has_a_network_of_its_size_or_one_not_twice_as_large(compiled):
    sizes = [compiled.of(count)[0] for count in (16, 16, 9, 8, 5, 3, 2, 1)]
    assert sizes == [16, 16, 16, 8, 8, 3, 3, 1]
    for count in (16, 3, 1):
        _, network = compiled.of(count)
        assert list(network.input(0).get_shape()) == [count, 6, 6, 3]


def test_images_that_fill_a_network_only_in_part_come_out_as_by_themselves(compiled, runtime):
    images = np.random.default_rng(2).integers(0, 256, (8, 6, 6, 3), np.uint8)
    expected = run(graph(runtime, np.float32(1 / 255), np.float32(-0.5)), images)
    request = Requests(compiled)
    for count in (8, 5, 8):
        outputs = request(images[:count])
        assert outputs.shape == expected[:count].shape
        np.testing.assert_allclose(outputs, expected[:count], rtol=1e-5, atol=1e-5)


@pytest.mark.slow
def test_threads_that_are_the_first_at_once_do_not_wait_for_each_other_for_ever():
    for _ in range(6):  # without the tables that are made before, some of them hang
        done = subprocess.run([sys.executable, "-c", FIRST_CALLS], check=False, timeout=60)
        assert done.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="signals of POSIX")
def test_signals_are_handled_after_networks_were_freed(tmp_path):
    command = [sys.executable, "-c", TWO_NETWORKS, str(tmp_path)]
    done = subprocess.run(command, check=False, timeout=60, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "handled\n"), done.stderr
