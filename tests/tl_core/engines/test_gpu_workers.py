"""ONNX Runtime on GPUs: a session on each, chunks, too little memory; never the CPU in silence."""

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from tl_core.conversion.opening import Conversion
from tl_core.devices import Devices
from tl_core.engines import onnxruntime as engine
from tl_core.engines import opening
from tl_core.engines.gpu_workers import GpuWorkers, gpu_network_of
from tl_core.engines.names import ENGINES
from tl_core.engines.protocol import ChunkedNetwork
from tl_core.errors import DeviceError, ModelError
from tl_core.models import Model, NetworkSettings, resolve

SIZE = 32
TWO = Devices("gpu", ("GPU:0", "GPU:1"))


class Session:
    """A replica whose memory holds ``room`` images; outputs are the images' first pixels."""

    def __init__(self, room=10**6, message="Failed to allocate memory for requested buffer"):
        self.room, self.message, self.counts = room, message, []

    def __call__(self, images):
        self.counts.append(len(images))
        if len(images) > self.room:
            raise RuntimeError(self.message)
        return images[:, 0, 0].astype(np.float32)


def opened(*sessions, chunk=8):
    names = tuple(f"GPU:{number}" for number, _ in enumerate(sessions))
    return GpuWorkers(list(sessions), names, image_size=4, output_size=3, chunk=chunk)


def numbered(count):
    images = np.zeros((count, 4, 4, 3), np.uint8)
    images[:, 0, 0, 0] = np.arange(count)
    return images


@pytest.mark.parametrize("count", [0, 1, 8, 16, 37])
def test_gpus_share_the_images_chunk_by_chunk(count):
    sessions = Session(), Session()
    network = opened(*sessions)
    outputs = network(numbered(count))
    assert outputs[:, 0].tolist() == list(range(count))
    assert outputs.dtype == np.float32
    assert network.images_per_call == 16
    assert isinstance(network, ChunkedNetwork)
    every = sessions[0].counts + sessions[1].counts
    assert max(every, default=0) <= 8
    assert sum(every) == count


def test_each_gpu_gets_a_chunk_of_a_call():
    both = threading.Barrier(2)

    class Meeting(Session):
        def __call__(self, images):
            both.wait(10)  # the other one runs at the same time
            return super().__call__(images)

    sessions = Meeting(), Meeting()
    opened(*sessions)(numbered(16))
    assert sessions[0].counts + sessions[1].counts == [8, 8]


def test_the_cpu_resizes():
    network = opened(Session())
    assert network.resizing(4, 4, "lanczos") is network
    assert network.resizing(2, 2, "lanczos") is None


def test_a_chunk_that_does_not_fit_is_halved_for_good_and_said(caplog):
    session = Session(room=3)
    network = opened(session)
    assert network(numbered(10))[:, 0].tolist() == list(range(10))
    assert network.chunk == 2
    assert "GPU:0: 8 images at once don't fit into its memory; from now on 4" in caplog.text
    assert "from now on 2" in caplog.text
    session.counts.clear()
    network(numbered(4))
    assert session.counts == [2, 2]


def test_one_image_that_does_not_fit_is_an_error():
    with pytest.raises(DeviceError, match="GPU:0: one image doesn't fit"):
        opened(Session(room=0), chunk=1)(numbered(1))


def test_other_errors_stay_what_they_are():
    network = opened(Session(room=3, message="no such kernel"))
    with pytest.raises(RuntimeError, match="no such kernel"):
        network(numbered(8))
    assert network.chunk == 8


def test_two_calls_at_once_halve_the_chunk_once(caplog):
    """Both had 8 images, and 4 fit."""
    both = threading.Barrier(2)

    class Waiting(Session):
        def __call__(self, images):
            if len(images) == 8:
                both.wait(10)
            return super().__call__(images)

    network = opened(Waiting(room=4))
    with ThreadPoolExecutor(2) as pool:
        outputs = list(pool.map(network, [numbered(8), numbered(8)]))
    assert [each[:, 0].tolist() for each in outputs] == [list(range(8))] * 2
    assert network.chunk == 4
    assert len(caplog.records) == 1


def test_each_gpu_has_its_replica_by_its_own_number():
    numbers = []
    conversion = Conversion(None, 4, 3, None)
    network = gpu_network_of(
        conversion, Devices("gpu:3", ("GPU:3",)), None, lambda n: numbers.append(n) or Session()
    )
    assert numbers == [3]
    assert network.device == "GPU:3"
    fixed = gpu_network_of(Conversion(None, 4, 3, 5), TWO, 6, lambda _: Session())
    assert fixed(numbered(7))[:, 0].tolist() == list(range(7))


@pytest.fixture
def model(tiny_model):
    return Model(resolve(tiny_model, "features"), tiny_model, "features")


def test_sessions_run_on_their_gpu_and_give_the_references_features(monkeypatch, model, reference):
    """The runtime's CPU stands for two GPUs; all else is as there."""
    import onnxruntime

    made, loaded = [], []

    class Recorded(onnxruntime.InferenceSession):
        def __init__(self, content, options, providers):
            made.append(providers)
            super().__init__(content, options, providers=["CPUExecutionProvider"])

        def get_providers(self):
            return ["CUDAExecutionProvider", "CPUExecutionProvider"]

    runtime = SimpleNamespace(
        get_available_providers=lambda: ["CUDAExecutionProvider", "CPUExecutionProvider"],
        preload_dlls=lambda: loaded.append(True),
        SessionOptions=onnxruntime.SessionOptions,
        InferenceSession=Recorded,
    )
    monkeypatch.setattr(engine, "runtime_of", lambda name: runtime)
    network = engine.open_network(model, TWO, NetworkSettings(SIZE, chunk=4))
    assert [provider[0][0] for provider in made] == ["CUDAExecutionProvider"] * 2
    assert [provider[0][1]["device_id"] for provider in made] == [0, 1]
    assert loaded == [True]
    images = np.random.default_rng(0).integers(0, 256, (11, SIZE, SIZE, 3), np.uint8)
    np.testing.assert_allclose(network(images), reference(images), rtol=1e-3, atol=1e-3)


def test_a_build_without_cuda_says_what_to_install(model):
    with pytest.raises(DeviceError, match=r"expected CUDAExecutionProvider; .*onnxruntime-gpu"):
        engine.open_network(model, TWO, NetworkSettings(SIZE))


def test_a_runtime_that_took_the_cpu_in_silence_is_an_error(monkeypatch):
    session = SimpleNamespace(get_providers=lambda: ["CPUExecutionProvider"])
    runtime = SimpleNamespace(
        SessionOptions=SimpleNamespace, InferenceSession=lambda *_, **__: session
    )
    monkeypatch.setattr(engine, "runtime_of", lambda name: runtime)
    with pytest.raises(DeviceError, match=r"CUDAExecutionProvider can't be used .* took CPUExec"):
        engine.Session(b"", 1, ("CUDAExecutionProvider", {}))


def test_workers_are_not_chosen_on_gpus(monkeypatch, tiny_model):
    assert ENGINES["onnxruntime"].gpu_precisions == ("fp32",)
    monkeypatch.setattr(opening, "select_devices", lambda spec: TWO)
    with pytest.raises(ModelError, match="2 workers, expected one per GPU"):
        opening.open_model(
            tiny_model, "features", "onnxruntime", NetworkSettings(device="gpu", workers=2)
        )
