"""Batches come whole, in order, resized, a few ahead of the network."""

import inspect
import threading

import numpy as np
import pytest
from PIL import Image

from tl_core import streaming
from tl_core.errors import ImageError, ModelError
from tl_core.resize import DEFAULT_METHOD, resize_batch
from tl_core.sources import ArraySource, FileSource
from tl_core.streaming import (
    AHEAD,
    GROUP,
    decoded_batches,
    output_batches,
    output_calls,
    resized_batches,
    run_network,
)


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


class BrokenNetwork(MeanNetwork):
    """Its third image has a value that isn't finite; or a row is missing."""

    def __init__(self, value):
        super().__init__()
        self.value = value

    def __call__(self, images):
        outputs = super().__call__(images)
        if self.value is None:
            return outputs[1:]
        if len(self.batches) == 1:
            outputs[2, 1] = self.value
        return outputs


@pytest.mark.parametrize(
    ("value", "message"),
    [
        pytest.param(np.nan, "not finite .* for 1 of 4 images", id="NaN"),
        pytest.param(-np.inf, "not finite .* for 1 of 4 images", id="infinite"),
        pytest.param(None, "3 rows of outputs for 4 images", id="a row less"),
    ],
)
def test_outputs_that_are_no_features_are_an_error(pixels, value, message):
    with pytest.raises(ModelError, match=message):
        run_network(BrokenNetwork(value), ArraySource(pixels), batch_size=4)


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


class DeviceNetwork(MeanNetwork):
    """The same on a device that takes many images at once, and resizes those up to its own size."""

    device, module, in_flight = "GPU:0", None, 3

    def __init__(self, chunk):
        super().__init__()
        self.chunk, self.sizes, self.lock = chunk, set(), threading.Lock()

    @property
    def images_per_call(self):
        return self.chunk

    def __call__(self, images):
        with self.lock:
            self.sizes.add(images.shape[1:3])
            return super().__call__(images)

    def resizing(self, height, width, method):
        if max(height, width) > self.image_size or method != "lanczos":
            return None

        def run(images):
            with self.lock:
                self.sizes.add(images.shape[1:3])
            self.batches.append(len(images))
            pixels = resize_batch(images, self.image_size, method)
            return pixels.mean(axis=(1, 2)).astype(np.float32)

        return run


@pytest.mark.parametrize("batch_size", [1, 3, 4, 7, 20])
@pytest.mark.parametrize("chunk", [1, 4, 6, 100])
def test_a_device_gets_chunks_and_batches_come_out_as_they_were_asked_for(
    pixels, batch_size, chunk
):
    source, network = ArraySource(pixels), DeviceNetwork(chunk)
    order = np.array([7, 7, 0, 3, 9, 8, 1, 2, 5])
    batches = list(output_batches(network, source, order, batch_size=batch_size))
    parts = [part.tolist() for part, _ in batches]
    assert parts == [order[i : i + batch_size].tolist() for i in range(0, 9, batch_size)]
    expected = run_network(MeanNetwork(), source)[order]
    np.testing.assert_array_equal(np.concatenate([rows for _, rows in batches]), expected)
    assert sum(network.batches) == 9
    assert max(network.batches) <= max(batch_size, chunk)
    assert len(network.batches) <= -(-9 // max(batch_size, chunk // batch_size * batch_size))


@pytest.mark.parametrize(("batch_size", "calls"), [(3, [6, 3]), (4, [8, 1]), (10, [9])])
def test_the_batches_of_a_call_can_stay_together(pixels, batch_size, calls):
    source, network = ArraySource(pixels), DeviceNetwork(8)
    order = np.array([7, 7, 0, 3, 9, 8, 1, 2, 5])
    parts, rows = zip(*output_calls(network, source, order, batch_size=batch_size), strict=True)
    assert [len(part) for part in parts] == calls
    np.testing.assert_array_equal(np.concatenate(parts), order)
    expected = run_network(MeanNetwork(), source)[order]
    np.testing.assert_array_equal(np.concatenate(rows), expected)


def test_batches_that_come_one_by_one_are_put_together_too(pixels):
    """As the feature cache's: how many there are isn't known before."""
    network = DeviceNetwork(8)
    parts = (np.array(part) for part in ([0, 1, 2], [3, 4], [5, 6, 7], [8], [9]))
    outputs = list(output_batches(network, ArraySource(pixels), parts))
    assert [part.tolist() for part, _ in outputs] == [[0, 1, 2], [3, 4], [5, 6, 7], [8], [9]]
    assert sorted(network.batches) == [2, 8]


def test_images_of_one_small_size_go_to_the_device_as_they_are(pixels):
    network = DeviceNetwork(4)
    run_network(network, ArraySource(pixels))
    assert network.sizes == {(8, 8)}


def test_other_images_are_resized_before(pixels, tmp_path):
    for number, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / f"{number}.png")
    files = FileSource(tuple(tmp_path / f"{number}.png" for number in range(10)))
    larger = ArraySource(np.repeat(pixels, 3, axis=1))
    for source, method in ((files, "lanczos"), (larger, "lanczos"), (ArraySource(pixels), "box")):
        network = DeviceNetwork(4)
        outputs = run_network(network, source, batch_size=2, method=method)
        assert network.sizes == {(16, 16)}
        assert sorted(network.batches) == [2, 4, 4]
        np.testing.assert_array_equal(outputs, run_network(MeanNetwork(), source, method=method))


def test_calls_become_smaller_once_the_chunk_does(pixels):
    """A device whose memory was short has halved it."""
    network = DeviceNetwork(8)
    batches = output_batches(network, ArraySource(pixels), np.arange(10).repeat(10), batch_size=2)
    next(batches)
    network.chunk = 4
    list(batches)
    assert network.batches[0] == 8
    assert network.batches[-2:] == [4, 4]


def test_a_device_gets_no_batch_of_nothing(pixels):
    with pytest.raises(ImageError, match="batch size 0"):
        run_network(DeviceNetwork(8), ArraySource(pixels), batch_size=0)
    empty = ArraySource(pixels).head(0)
    assert run_network(DeviceNetwork(8), empty).shape == (0, 3)
