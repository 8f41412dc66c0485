"""The peak is that of as many threads as the network has, or there is none through TensorFlow."""

import pytest

from tl_core.errors import DeviceError
from tlbench.suite import loaded_workload as module
from tlbench.suite.loaded_workload import peak_here


@pytest.fixture
def measured(monkeypatch):
    """Which peaks were measured, with how many threads; none of them takes time."""
    found = []

    def probe(by, threads):
        found.append((by, threads))
        return by

    monkeypatch.setattr(module, "matmul_numpy", lambda threads: probe("numpy", threads))
    monkeypatch.setattr(module, "matmul", lambda product, by, threads: probe(by, threads))
    monkeypatch.setattr(module, "peak", lambda probes, threads: None)
    return found


def test_tensorflow_is_told_the_threads_before_it_is_measured(measured, monkeypatch):
    monkeypatch.setattr(module, "set_threads", lambda threads: measured.append(("set", threads)))
    peak_here(1)
    assert measured == [("numpy", 1), ("set", 1), ("tensorflow", 1)]


def test_tensorflow_that_runs_with_other_threads_is_left_out(measured, monkeypatch):
    def refuse(threads):
        raise DeviceError("runs already")

    monkeypatch.setattr(module, "set_threads", refuse)
    peak_here(1)
    assert measured == [("numpy", 1)]
