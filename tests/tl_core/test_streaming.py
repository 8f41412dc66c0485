"""Batches come whole, in order, resized, a few ahead of the network."""

import inspect
import threading

import numpy as np
import pytest
from PIL import Image

from tl_core import streaming
from tl_core.errors import ImageError
from tl_core.resize import DEFAULT_METHOD, resize_batch
from tl_core.sources import ArraySource, FileSource
from tl_core.streaming import AHEAD, GROUP, decoded_batches, resized_batches, run_network


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (10, 8, 8, 3), np.uint8)


class MeanNetwork:
    """Each image's mean colour, exactly."""

    image_size, output_size, in_flight = 16, 3, 1

    def __init__(self):
        self.batches = []

    def __call__(self, images):
        self.batches.append(len(images))
        return images.mean(axis=(1, 2)).astype(np.float32)


def test_every_image_comes_once_at_its_place(pixels):
    network = MeanNetwork()
    outputs = run_network(network, ArraySource(pixels), batch_size=4)
    resized = [np.asarray(Image.fromarray(i).resize((16, 16), Image.LANCZOS)) for i in pixels]
    np.testing.assert_allclose(outputs, np.mean(resized, axis=(1, 2)), rtol=1e-6)
    assert network.batches == [4, 4, 2]


def test_batches_follow_the_order_given(pixels):
    order = np.array([7, 7, 0, 3])
    parts, batches = zip(*resized_batches(ArraySource(pixels), order, 8, batch_size=3), strict=True)
    np.testing.assert_array_equal(np.concatenate(parts), order)
    np.testing.assert_array_equal(np.concatenate(batches), pixels[order])


@pytest.mark.parametrize("cpus", [1, 3])
def test_few_batches_are_made_ahead_of_the_one_in_use(pixels, monkeypatch, cpus):
    """Memory stays at a few batches, however many images there are."""
    taken = []

    class Counting(ArraySource):
        def take(self, indices, size=None):
            taken.append(len(indices))
            return super().take(indices)

    monkeypatch.setattr(streaming, "usable_cpus", lambda: cpus)
    batches = resized_batches(Counting(pixels), np.arange(10), 8, batch_size=1)
    next(batches)
    assert len(taken) <= AHEAD + cpus
    batches.close()
    assert len(taken) <= AHEAD + cpus


def test_each_cpu_decodes_a_batch_of_its_own_and_batches_keep_their_order(pixels, monkeypatch):
    """The first batch is held back until the second is done: one thread would hang."""
    second = threading.Event()
    held = []

    class Waiting(ArraySource):
        def take(self, indices, size=None):
            held.append(len(indices))
            if 0 in indices:
                assert second.wait(30)
            if 9 in indices:
                second.set()
            return super().take(indices)

    monkeypatch.setattr(streaming, "usable_cpus", lambda: 2)
    batches = list(resized_batches(Waiting(pixels), np.arange(10), 8, batch_size=5))
    np.testing.assert_array_equal(np.concatenate([part for part, _ in batches]), np.arange(10))
    np.testing.assert_array_equal(np.concatenate([each for _, each in batches]), pixels)
    assert max(held) <= GROUP < 5


@pytest.mark.parametrize("size", [None, 16])
def test_decoded_images_come_as_the_source_has_them_for_this_size(pixels, size):
    asked = []

    class Asked(ArraySource):
        def take(self, indices, size=None):
            asked.append(size)
            return super().take(indices)

    order = np.array([7, 7, 0, 3])
    parts, images = zip(*decoded_batches(Asked(pixels), order, size, batch_size=3), strict=True)
    np.testing.assert_array_equal(np.concatenate(parts), order)
    np.testing.assert_array_equal(np.concatenate(images), pixels[order])
    assert set(asked) == {size}


def test_resizing_happens_in_another_thread(pixels):
    threads = set()

    class Watching(ArraySource):
        def take(self, indices, size=None):
            threads.add(threading.current_thread())
            return super().take(indices)

    list(resized_batches(Watching(pixels), np.arange(10), 8, batch_size=5))
    assert threading.main_thread() not in threads
    assert not any(thread.is_alive() for thread in threads)


def test_an_unreadable_file_is_named_and_nothing_hangs(tmp_path):
    good, bad = tmp_path / "good.png", tmp_path / "bad.png"
    Image.new("RGB", (4, 4)).save(good)
    bad.write_bytes(b"rubbish")
    with pytest.raises(ImageError, match=r"bad\.png"):
        run_network(MeanNetwork(), FileSource((good, bad, good)), batch_size=1)


def test_no_images_give_no_outputs():
    assert run_network(MeanNetwork(), FileSource(())).shape == (0, 3)


def test_a_batch_of_nothing_is_refused(pixels):
    with pytest.raises(ImageError, match="batch size 0"):
        next(resized_batches(ArraySource(pixels), np.arange(10), 8, batch_size=0))


def test_the_default_filter_is_the_packages(pixels):
    ours = next(resized_batches(ArraySource(pixels), np.arange(10), 16))[1]
    np.testing.assert_array_equal(ours, resize_batch(pixels, 16, DEFAULT_METHOD))
    for function in (resized_batches, run_network):
        assert inspect.signature(function).parameters["method"].default == DEFAULT_METHOD
