"""The pilot of GPUs chooses the smallest chunk that is fast enough and fits into memory."""

import numpy as np
import pytest

from tl_core.conversion import cache
from tl_core.devices import Devices
from tl_core.engines import chunk_pilot, tuning
from tl_core.engines.chunk_pilot import CALL_S, CHUNKS, _piloted, tuned_chunk
from tl_core.engines.tuning import Choice
from tl_core.models import Model, NetworkSettings, resolve

TWO = Devices("gpu", ("GPU:0", "GPU:1"))


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


def chosen(network):
    return _piloted(network)[0]


@pytest.mark.parametrize("resizes", [True, False], ids=["small images", "images of its own size"])
def test_the_smallest_chunk_is_chosen_that_is_as_fast_as_the_best(monkeypatch, resizes):
    """A call of 2 × 512 images takes 2 % longer than its images, one of 2 × 128 images 8 %."""
    network = Network(monkeypatch, call_s=0.02 * 1024 * 1e-5, image_s=1e-5, resizes=resizes)
    chunk, images_per_s = _piloted(network)
    assert chunk == 512
    assert images_per_s == pytest.approx(1e5 / 1.02, rel=1e-3)
    assert max(network.calls) == 2 * CHUNKS[-1], "all were tried"


def test_where_calls_cost_nothing_a_small_one_is_enough(monkeypatch):
    """The slowest by a rounding error is no finalist."""
    assert chosen(Network(monkeypatch, image_s=1e-5)) in CHUNKS[:2]


def test_where_calls_cost_much_the_largest_is_chosen(monkeypatch):
    assert chosen(Network(monkeypatch, call_s=0.01, image_s=1e-6)) == CHUNKS[-1]


def test_what_does_not_fit_into_memory_is_not_chosen(monkeypatch):
    network = Network(monkeypatch, call_s=0.01, image_s=1e-6, room=600)
    assert chosen(network) == 512
    assert max(network.calls) <= 2 * CHUNKS[-1]


def test_the_search_ends_at_calls_that_take_long(monkeypatch):
    """A call of 2 × 128 images takes longer than the limit; it is still a candidate."""
    network = Network(monkeypatch, call_s=0.01, image_s=1.1 * CALL_S / 256)
    chosen(network)
    assert max(network.calls) == 256


def test_where_not_even_the_smallest_fits_its_half_or_quarter_is_chosen(monkeypatch):
    assert chosen(Network(monkeypatch, call_s=0.01, image_s=1e-6, room=31)) == 16
    assert chosen(Network(monkeypatch, call_s=0.01, image_s=1e-6, room=9)) == 8


def test_of_large_images_fewer_are_tried_than_tensorflow_can_count(monkeypatch):
    network = Network(monkeypatch, call_s=0.01, image_s=1e-6)
    monkeypatch.setattr(chunk_pilot, "most_at_once", lambda size: {32: 200}[size])
    assert chosen(network) == 128
    monkeypatch.setattr(chunk_pilot, "most_at_once", lambda size: 20)
    assert chosen(network) == 20


def test_it_is_timed_once_and_cached_and_never_where_it_is_set(monkeypatch, tiny_model, tmp_path):
    monkeypatch.setattr(cache, "cache_dir", lambda: tmp_path)
    network = Network(monkeypatch, image_s=1e-5)
    model = Model(resolve(tiny_model, "features"), tiny_model, "features")

    def choice(chunk=None):
        settings = NetworkSettings(32, device="gpu", threads=3, chunk=chunk)
        return tuned_chunk(model, "tensorflow", TWO, settings, lambda _: network)

    assert choice(100) == Choice(2, 3, 100, None)
    assert not network.calls
    first, calls = choice(), len(network.calls)
    assert calls
    assert (first.workers, first.threads) == (2, 3)
    assert (choice(), len(network.calls)) == (first, calls)
