"""The pilot of GPUs chooses the smallest chunk that is fast enough and fits into memory."""

import numpy as np
import pytest

from tl_core.engines import chunk_pilot, tuning
from tl_core.engines.chunk_pilot import CALL_S, CHUNKS, _piloted
from tl_core.models import NetworkSettings


class Network:
    """Two devices that take a while for a call, and some for each image; time passes in calls."""

    image_size, output_size, in_flight, device, module = 32, 1, 1, "GPU:0", None

    def __init__(self, monkeypatch, *, call_s=0.0, image_s=0.0, room=10**9, resizes=True):
        self.chunk, self.now, self.calls = 256, 0.0, []
        self.call_s, self.image_s, self.room, self.resizes = call_s, image_s, room, resizes
        for module in (chunk_pilot, tuning):
            monkeypatch.setattr(module, "perf_counter", lambda: self.now)

    @property
    def images_per_call(self):
        return 2 * self.chunk

    def resizing(self, height, width, method):
        assert (height, width, method) == (32, 32, "lanczos")
        return self if self.resizes else None

    def __call__(self, images):
        assert len(images) <= self.images_per_call
        self.calls.append(len(images))
        while self.chunk > self.room:
            self.chunk //= 2
        self.now += self.call_s + len(images) * self.image_s
        return np.zeros((len(images), 1), np.float32)


def chosen(network, **settings):
    choice = _piloted(network, NetworkSettings(32, device="gpu", **settings))
    assert choice.workers == 2
    return choice


@pytest.mark.parametrize("resizes", [True, False], ids=["small images", "images of its own size"])
def test_the_smallest_chunk_is_chosen_that_is_as_fast_as_the_best(monkeypatch, resizes):
    """A call of 2 × 512 images takes 2 % longer than its images, one of 2 × 128 images 8 %."""
    network = Network(monkeypatch, call_s=0.02 * 1024 * 1e-5, image_s=1e-5, resizes=resizes)
    choice = chosen(network)
    assert choice.chunk == 512
    assert choice.images_per_s == pytest.approx(1e5 / 1.02, rel=1e-3)
    assert max(network.calls) == 2 * CHUNKS[-1], "all were tried"


def test_where_calls_cost_nothing_a_small_one_is_enough(monkeypatch):
    """The slowest by a rounding error is no finalist."""
    assert chosen(Network(monkeypatch, image_s=1e-5)).chunk in CHUNKS[:2]


def test_where_calls_cost_much_the_largest_is_chosen(monkeypatch):
    assert chosen(Network(monkeypatch, call_s=0.01, image_s=1e-6)).chunk == CHUNKS[-1]


def test_what_does_not_fit_into_memory_is_not_chosen(monkeypatch):
    network = Network(monkeypatch, call_s=0.01, image_s=1e-6, room=600)
    assert chosen(network).chunk == 512
    assert max(network.calls) <= 2 * CHUNKS[-1]


def test_the_search_ends_at_calls_that_take_long(monkeypatch):
    """A call of 2 × 128 images takes longer than the limit; it is still a candidate."""
    network = Network(monkeypatch, call_s=0.01, image_s=1.1 * CALL_S / 256)
    chosen(network)
    assert max(network.calls) == 256


def test_a_chunk_that_is_set_is_taken(monkeypatch):
    network = Network(monkeypatch, call_s=0.01, image_s=1e-6)
    network.chunk = 100
    assert chosen(network, chunk=100).chunk == 100
    assert set(network.calls) == {200}


@pytest.mark.parametrize("room", [99, 30])
def test_a_chunk_that_is_set_and_does_not_fit_is_not_reported(monkeypatch, room):
    network = Network(monkeypatch, call_s=0.01, image_s=1e-6, room=room)
    network.chunk = 100
    choice = chosen(network, chunk=100)
    assert choice.chunk == {99: 50, 30: 25}[room]


def test_of_large_images_fewer_are_tried_than_tensorflow_can_count(monkeypatch):
    network = Network(monkeypatch, call_s=0.01, image_s=1e-6)
    monkeypatch.setattr(chunk_pilot, "most_at_once", lambda size: {32: 200}[size])
    assert chosen(network).chunk == 128
    monkeypatch.setattr(chunk_pilot, "most_at_once", lambda size: 20)
    assert chosen(network).chunk == 20


def test_it_is_timed_once_and_cached(monkeypatch, tiny_model, tmp_path):
    from tl_core.conversion import cache
    from tl_core.models import Model, resolve

    monkeypatch.setattr(cache, "cache_dir", lambda: tmp_path)
    network = Network(monkeypatch, image_s=1e-5)
    model = Model(resolve(tiny_model, "features"), tiny_model, "features")

    def choice(chunk=None):
        settings = NetworkSettings(32, device="gpu", chunk=chunk)
        return chunk_pilot.tuned_chunk(model, "tensorflow", settings, lambda _: network)

    first, calls = choice(), len(network.calls)
    assert calls
    assert (choice(), len(network.calls)) == (first, calls)
    network.chunk = 128
    assert choice(128).chunk == 128, "another setting, another pilot"
