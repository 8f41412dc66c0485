"""What doesn't fit into memory is run in halves, which is said; nothing else is taken for it."""

import logging
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest

from tl_core.engines import tuning
from tl_core.engines.memory import is_out_of_memory
from tl_core.engines.tensorflow import TensorFlowNetwork
from tl_core.engines.workers import WorkerNetwork
from tl_core.errors import DeviceError
from tl_core.models.settings import NetworkSettings
from tl_core.tensorflow_trainer import TensorFlowTrainer

SIZE = 4


class ResourceExhaustedError(Exception):
    """TensorFlow's, by its name."""


#: What runtimes raise where memory is short.
SHORT = [
    MemoryError(),
    ResourceExhaustedError("OOM when allocating tensor with shape[32,112,112,32]"),
    RuntimeError("std::bad_alloc"),
    RuntimeError("Failed to allocate memory for requested buffer of size 1073741824"),
    Exception("Operation received an exception:Status: 1, message: could not create a memory"),
]


class Short:
    """A replica, or a graph, that has memory for ``room`` images; outputs are first pixels."""

    def __init__(self, room, error=SHORT[0]):
        self.room, self.error, self.counts = room, error, []

    def __call__(self, images):
        self.counts.append(len(images))
        if len(images) > self.room:
            raise self.error
        return images[:, 0, 0, :2].astype(np.float32)


def numbered(count):
    images = np.zeros((count, SIZE, SIZE, 3), np.uint8)
    images[:, 0, 0, 0] = np.arange(count)
    return images


def workers(*replicas, chunk):
    return WorkerNetwork(replicas, image_size=SIZE, output_size=2, chunk=chunk)


class Batches(TensorFlowNetwork):
    """The reference engine, with a fake graph."""

    def __init__(self, graph, *, compiled=False):
        super().__init__([SimpleNamespace(output_size=2)], ("CPU:0",), SIZE, compiled=compiled)
        self._run = graph


def said(caplog):
    return [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("error", SHORT, ids=lambda error: f"{type(error).__name__} {error}"[:30])
def test_every_way_to_say_that_memory_is_short_is_known(error):
    assert is_out_of_memory(error)
    assert not is_out_of_memory(RuntimeError("no such kernel"))
    network = workers(Short(5, error), chunk=16)
    assert network(numbered(20))[:, 0].tolist() == list(range(20))
    assert network.chunk == 4


def test_a_chunk_that_does_not_fit_is_halved_for_good_and_said(caplog):
    network = workers(Short(5), Short(5), chunk=16)
    with caplog.at_level(logging.WARNING):
        for count in (40, 16, 3):
            assert network(numbered(count))[:, 0].tolist() == list(range(count))
    assert said(caplog) == [
        f"CPU:0: {n} images at once don't fit into its memory; from now on {n // 2}"
        for n in (16, 8)
    ]
    assert network.chunk == 4


def test_a_batch_that_does_not_fit_is_halved_for_good_and_said(caplog):
    graph = Short(5)
    network = Batches(graph)
    assert network.chunk is None, "whole batches"
    for count in (3, 21, 4):
        assert network(numbered(count))[:, 0].tolist() == list(range(count))
    assert network.chunk == 5
    assert graph.counts == [3, 21, 10, *[5] * 4, 1, 4]
    assert said(caplog) == [
        f"CPU:0: {n} images at once don't fit into its memory; from now on {n // 2}"
        for n in (21, 10)
    ]


def test_a_compiled_batch_is_filled_up_to_what_fits():
    graph = Short(5)
    network = Batches(graph, compiled=True)
    for count in (16, 7):
        assert network(numbered(count))[:, 0].tolist() == list(range(count))
    assert graph.counts == [16, 8, 4, 4, 4, 4, 4, 4]


@pytest.mark.parametrize(
    "make", [lambda graph: workers(graph, chunk=4), Batches], ids=["workers", "batches"]
)
def test_one_image_that_does_not_fit_is_an_error(make):
    with pytest.raises(DeviceError, match="CPU:0: one image doesn't fit into its memory; expected"):
        make(Short(0))(numbered(3))


@pytest.mark.parametrize(
    "make", [lambda graph: workers(graph, chunk=4), Batches], ids=["workers", "batches"]
)
def test_other_errors_stay_what_they_are(make):
    network = make(Short(0, RuntimeError("no such kernel")))
    chunk = network.chunk
    with pytest.raises(RuntimeError, match="no such kernel"):
        network(numbered(3))
    assert network.chunk == chunk


def test_threads_that_run_out_of_memory_together_halve_once_each_size(caplog):
    network = Batches(Short(8))
    with ThreadPoolExecutor(3) as pool:
        outputs = list(pool.map(network, [numbered(32)] * 3))
    assert [each[:, 0].tolist() for each in outputs] == [list(range(32))] * 3
    assert network.chunk == 8
    assert len(said(caplog)) == 2


def test_a_pilot_chooses_no_chunk_that_was_halved(monkeypatch):
    """Its rate is that of fewer images, however high."""

    def rates(runs, images):
        for run in runs.values():
            run(images)
        return {(network, chunk): float(chunk) for network, chunk in runs}

    monkeypatch.setattr(tuning, "measured_rates", rates)
    settings = NetworkSettings(SIZE, workers=1)
    choice = tuning._piloted(settings, 1, lambda how: workers(Short(5), chunk=1))
    assert (choice.chunk, max(tuning.CHUNKS)) == (4, 16)


def test_a_training_step_that_does_not_fit_is_an_error():
    trainer = object.__new__(TensorFlowTrainer)
    trainer._device, trainer._step = "CPU:0", lambda inputs, labels: Short(7)(inputs)
    with pytest.raises(DeviceError, match="a training step of 8 images doesn't fit into its memo"):
        trainer.step(numbered(8), np.zeros(8, np.int64))


#: A replica that takes 10 MB per image, in a process with 400 MB. TensorFlow's own kernels don't
#: serve here: some end the process if they get no memory.
IN_LITTLE_MEMORY = """
import logging, resource, sys
from pathlib import Path
import numpy as np
from tl_core.engines.workers import WorkerNetwork
logging.basicConfig(format="%(message)s", stream=sys.stdout)
def replica(images):
    hidden = np.ones((len(images), 10_000_000), np.uint8)
    return images[:, 0, 0, :2] * np.float32(hidden[-1, -1])
network = WorkerNetwork([replica], image_size=4, output_size=2, chunk=64)
images = np.zeros((64, 4, 4, 3), np.uint8)
images[:, 0, 0, 0] = range(64)
network(images[:1])  # starts its thread
pages = int(Path("/proc/self/statm").read_text().split()[0])
most = pages * resource.getpagesize() + 400_000_000
resource.setrlimit(resource.RLIMIT_AS, (most, most))
assert network(images)[:, 0].tolist() == list(range(64))
print(network.chunk)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the limit on a process's memory is Linux's")
def test_in_a_process_with_little_memory_half_of_the_images_are_run():
    done = subprocess.run(
        [sys.executable, "-c", IN_LITTLE_MEMORY], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    line = "CPU:0: 64 images at once don't fit into its memory; from now on 32"
    assert done.stdout.splitlines() == [line, "32"]
